"""The default weights and thresholds of each kind of record, in log2 odds, by hand and by measuring."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from crm.models.codes import EntityType

_CONTACT = {
    "phone_equal": 7.5,
    "phone_near": 2.0,
    "phones_differ": -2.0,
    "email_equal": 7.5,
    "email_near": 3.0,
    "emails_differ": -1.2,
    "shared_contact": 0.0,
    "given_near": -1.5,
    "given_differ": -7.0,
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
    "city_differ": -1.0,
    "surname_in_mailbox": 4.5,
    "born_near": -3.0,
    "born_differ": -4.0,
    "identifier_near": -4.0,
    "identifier_differ": -4.0,
    "address_differ": -2.0,
    "zip_differ": -1.5,
}
_COMPANY = dict(_CONTACT)
_DEAL = dict(_CONTACT)

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
        EntityType.CONTACT: (0.0, 3.0, 7.0),
        EntityType.COMPANY: (0.0, 3.0, 7.0),
        EntityType.DEAL: (0.0, 3.0, 7.0),
    }
)
