"""Whatever is merged, undone and done in between, in any order: nothing is lost, and all of it goes back."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from crm.db import Database
from crm.models import EntityType
from tests.conftest import Cast
from tests.duplicates.office import Office

BOUNDED = settings(
    max_examples=20,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
numbers = st.integers(0, 50)
types = st.sampled_from(EntityType)


class MergingOffice(RuleBasedStateMachine):
    """People merge, take back and work on; numbers choose among the records."""

    database: ClassVar[Database]
    cast: ClassVar[Cast]
    done: ClassVar[Counter[str]]
    office: Office

    @initialize()
    def open(self) -> None:
        self.office = Office.opened(self.database, self.cast)

    @rule(entity_type=types, first=numbers, second=numbers, takes=st.booleans())
    def merge(self, entity_type: EntityType, first: int, second: int, takes: bool) -> None:
        self.office.merge(entity_type, first, second, takes=takes)

    @rule(entity_type=types, first=numbers, second=numbers)
    def merge_another(self, entity_type: EntityType, first: int, second: int) -> None:
        self.office.merge(entity_type, first, second, takes=False)

    @rule(entity_type=types, first=numbers)
    def merge_three(self, entity_type: EntityType, first: int) -> None:
        for second in (first + 1, first + 2):
            self.office.merge(entity_type, first, second, takes=False)

    @rule(number=numbers, cascade=st.booleans())
    def undo(self, number: int, cascade: bool) -> None:
        self.office.undo(number, cascade=cascade)

    @rule(number=numbers)
    def undo_and_all_that_depends(self, number: int) -> None:
        self.office.undo(number, cascade=True)

    @rule(number=numbers, other=numbers, third=numbers, what=st.integers(0, 10))
    def work(self, number: int, other: int, third: int, what: int) -> None:
        office = self.office
        acts = [
            lambda: office.rename(number, phone=other % 2 == 0),
            lambda: office.put_into_company(number, other),
            lambda: office.edit_company(number, other),
            lambda: office.edit_deal(number, other, third),
            lambda: office.note(number),
            lambda: office.object_to(number),
            lambda: office.plan_step(number, 1 + other),
            lambda: office.complete(number),
            lambda: office.move(number, other),
            lambda: office.lose(number),
            lambda: office.remove(number),
        ]
        acts[what]()

    @rule(entity_type=types, first=numbers, second=numbers, says=st.integers(0, 2))
    def judge(self, entity_type: EntityType, first: int, second: int, says: int) -> None:
        self.office.find_pair(entity_type, first, second)
        (self.office.dismiss, self.office.put_off, self.office.reopen)[says](first)

    @rule(entity_type=types, first=numbers, number=numbers)
    def think_again(self, entity_type: EntityType, first: int, number: int) -> None:
        self.office.find_pair(entity_type, first, first + 1)
        self.office.dismiss(number)
        self.office.merge(entity_type, first, first + 1, takes=False)
        self.office.reopen(number)

    @invariant()
    def whole(self) -> None:
        self.office.check()

    def teardown(self) -> None:
        self.office.close()
        type(self).done.update(self.office.done)


def test_nothing_is_lost_and_all_goes_back(database: Database, cast: Cast) -> None:
    MergingOffice.database, MergingOffice.cast, MergingOffice.done = database, cast, Counter()
    run_state_machine_as_test(MergingOffice, settings=BOUNDED)
    done = MergingOffice.done
    for name in (
        "merge contact", "merge company", "merge deal", "undo", "undo cascade", "byte-equal", "edit contact",
        "company of a contact", "edit company", "edit deal", "note", "objection", "plan",
        "complete", "move", "lose", "remove", "restore", "pair", "dismiss", "snooze", "reopen",
    ):  # fmt: skip
        assert done[name], (name, done)
