"""Text from data stays text: what `md` escapes, and what it leaves alone."""

from __future__ import annotations

import pytest

from crm.ui.markdown import md

JOINER = "\u2060"


@pytest.mark.parametrize(
    ("typed", "escaped"),
    [
        ("**b** _i_ `c` ~s~", r"\*\*b\*\* \_i\_ \`c\` \~s\~"),
        ("[l](http://e.x)", rf"\[l\](http{JOINER}\://e.x)"),
        ("![i](https://e.x)", rf"\!\[i\](https{JOINER}\://e.x)"),
        ("<b>x</b> &amp;", r"\<b\>x\</b\> \&amp;"),
        (":red[x]", r"\:red\[x\]"),
        (":smile:", rf"\:{JOINER}smile\:"),
        (":+1:", rf"\:{JOINER}+1\:"),
        (":material/home:", rf"\:{JOINER}material/home\:"),
        ("www.e.x", rf"www{JOINER}.e.x"),
        ("$x^2$", r"\$x^2\$"),
        ("a | b", r"a \| b"),
        ("\\*", r"\\\*"),
        ("{x}", r"\{x\}"),
    ],
)
def test_markup_is_escaped(typed: str, escaped: str) -> None:
    assert md(typed) == escaped


@pytest.mark.parametrize(
    ("typed", "escaped"),
    [
        ("# head", r"\# head"),
        ("- item", r"\- item"),
        ("+ item", r"\+ item"),
        ("> quote", r"\> quote"),
        ("1. one", r"1\. one"),
        ("12) twelve", r"12\) twelve"),
        ("=== ", r"\==="),
        ("  # indented", r"\# indented"),
    ],
)
def test_line_start_makes_no_list_heading_or_quote(typed: str, escaped: str) -> None:
    assert md(typed) == escaped


@pytest.mark.parametrize("typed", ["Metal sheet 2 mm, 10 t", "OOO «Мир»", "a - b # c", "100%", "12.5", "Anna", "(x)"])
def test_plain_text_is_left_alone(typed: str) -> None:
    assert md(typed) == typed


def test_times_keep_their_plain_colons() -> None:
    assert md("11:00:30") == r"11\:00\:30"


def test_lines_become_one() -> None:
    assert md("a\n\n\tb\r\n    c\x00d") == "a b c d"


def test_other_values_are_written_out() -> None:
    assert (md(1042), md(None)) == ("1042", "None")


def test_sum_of_money_is_never_torn_at_the_end_of_a_line() -> None:
    assert md("518\xa0600\xa0₽") == "518\xa0600\xa0₽"
    assert md("a\t \n b\xa0") == "a b"
