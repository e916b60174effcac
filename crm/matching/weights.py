"""The default weights and thresholds of each kind of record, in log2 odds, by hand and by measuring."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from crm.models.codes import EntityType

_CONTACT = {
    "phone_equal": 7.5,
    "phone_near": 2.0,
    "phones_differ": -4.0,
    "email_equal": 7.5,
    "email_near": 3.0,
    "email_digit_off": 1.0,
    "mailbox_of_given_name": 0.0,
    "emails_differ": -3.5,
    "shared_contact": 0.0,
    "given_near": -1.5,
    "given_differ": -7.0,
    "name_differ": -10.0,
    "surname_near": -1.5,
    "surname_differ": -6.0,
    "patronymic_near": -1.5,
    "patronymic_differ": -5.0,
    "initials_agree": 2.2,
    "initials_differ": -4.5,
    "inn_differ": -3.0,
    "company_near": -1.5,
    "companies_differ": -1.8,
    "city_equal": 1.0,
    "city_differ": -2.0,
    "several_names": -3.0,
    "only_names": -1.0,
    "surname_in_mailbox": 7.0,
    "other_surname_in_mailbox": -4.0,
    "born_near": -3.0,
    "born_differ": -4.0,
    "identifier_near": -4.0,
    "identifier_differ": -4.0,
    "address_differ": -2.0,
    "house_differ": -2.0,
    "zip_differ": -1.5,
}
_COMPANY = {
    "inn_equal": 6.0,
    "inn_near": 1.0,
    "inn_differ": -14.0,
    "domain_equal": 3.0,
    "domain_differ": -5.0,
    "forms_differ": -6.0,
    "forms_alike": -3.0,
    "forms_fit": 0.0,
    "landline_equal": 3.0,
    "role_mailbox_equal": 3.0,
    "person_equal": 2.7,
    "company_equal": 2.5,
    "company_near": 2.0,
    "short_name_near": -1.5,
    "company_part": -3.0,
    "companies_differ": -9.0,
    "other_name_same_inn": -4.0,
    "words_differ": -2.0,
    "one_word_equal": -1.0,
    "city_equal": 0.7,
    "city_differ": -0.7,
    "zip_differ": -1.5,
    "house_differ": -8.0,
    "address_differ": -10.0,
}
_DEAL = {
    **_CONTACT,
    "goods_equal": 1.5,
    "goods_differ": -0.3,
    "known_goods_equal": 0.5,
    "known_goods_again": -2.0,
    "known_goods_differ": -9.0,
    "known_numbers_differ": -6.0,
}

WEIGHTS: Mapping[EntityType, Mapping[str, float]] = MappingProxyType(
    {
        EntityType.CONTACT: MappingProxyType(_CONTACT),
        EntityType.COMPANY: MappingProxyType(_COMPANY),
        EntityType.DEAL: MappingProxyType(_DEAL),
    }
)
# review_at, cluster_at, auto_at
THRESHOLDS: Mapping[EntityType, tuple[float, float, float]] = MappingProxyType(
    {
        EntityType.CONTACT: (1.75, 3.0, 6.0),
        EntityType.COMPANY: (0.0, 3.0, 7.0),
        EntityType.DEAL: (-0.5, 0.0, 5.0),
    }
)
# p = 1 / (1 + exp(a - b * weight)), as pairs of made leads turned out
CALIBRATION: Mapping[EntityType, tuple[float, float]] = MappingProxyType(
    {
        EntityType.CONTACT: (0.3, 0.5),
        EntityType.COMPANY: (0.3, 0.8),
        EntityType.DEAL: (0.0, 0.693),
    }
)
