"""The sentences for what a check of the set-up found; the codes are those of wire.health."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, Promise] = {
    "no-record": _("%(about)s has no such record"),
    "no-answer": _("nobody could tell: %(about)s"),
    "several-records": _("there are %(about)s such records; receivers then take none of them"),
    "not-readable": _("receivers cannot read it: %(about)s"),
    "spf-error": _("the record does not work: %(about)s"),
    "spf-fail": _("%(about)s may not send: fail"),
    "spf-softfail": _("%(about)s may not send: softfail"),
    "spf-neutral": _("the record says nothing about %(about)s: neutral"),
    "spf-none": _("the record does not count for %(about)s"),
    "spf-lookups": _("it takes %(about)s of the 10 look-ups that are allowed"),
    "dkim-version": _("v=%(about)s, where DKIM1 has to stand"),
    "dkim-revoked": _("p= is empty: the key is withdrawn"),
    "dkim-other-key": _("the key is not ours: no signature of ours is valid"),
    "dkim-kind": _("k=%(about)s is another kind of key than ours"),
    "dkim-hash": _("h=%(about)s rules out SHA-256, with which we sign"),
    "dkim-service": _("s=%(about)s rules out e-mail"),
    "dkim-short": _("a key of %(about)s bits: receivers take 1024 and more"),
    "dkim-weak": _("a key of %(about)s bits: 2048 are usual"),
    "dkim-testing": _("t=y says that signatures are only a test"),
    "dmarc-policy": _("p= has to be none, quarantine or reject, and is: %(about)s"),
    "dmarc-alignment": _(
        "neither DKIM nor the envelope domain %(about)s is aligned, so DMARC fails"
    ),
    "dmarc-envelope": _("the envelope domain %(about)s is not aligned: DMARC rests on DKIM alone"),
    "dmarc-inherited": _("it has no record of its own and follows %(about)s"),
    "dmarc-none": _("p=none only watches: raise it once reports show nothing but your own mail"),
    "dmarc-testing": _("t=y asks receivers not to apply the policy"),
    "dmarc-no-reports": _("without rua= nobody reports"),
    "dmarc-reports-refused": _("no reports come: %(about)s does not agree to take them"),
    "ptr-other": _("the name is not that of HELO, %(about)s"),
    "ptr-unconfirmed": _("the name %(about)s does not lead back to the IP"),
    "ptr-several": _("there are %(about)s names; receivers may see another one"),
    "helo-elsewhere": _("the name does not lead to %(about)s"),
    "helo-short": _("%(about)s is no full host name"),
    "mx-null": _("%(about)s says that it takes no mail: bounces are lost"),
    "mx-no-address": _("bounces are lost: %(about)s"),
    "mx-other": _("bounces do not come to %(about)s"),
    "mx-not-first": _("bounces go to %(about)s first"),
    "mx-others": _("bounces may also go to %(about)s"),
    "tlsrpt-rua": _("rua= names no mailto: or https: address: %(about)s"),
    "sts-record": _("of %(about)s records none can be used: one with an id= is needed"),
    "sts-no-host": _("%(about)s has no address, so nobody finds the policy"),
    "sts-not-fetched": _("the policy cannot be fetched: %(about)s"),
    "sts-policy": _("the policy does not count: %(about)s"),
    "sts-host": _("the policy does not name %(about)s"),
    "sts-mode": _("mode: %(about)s protects nothing yet; enforce does"),
}


def sentence(code: str, about: str) -> str:
    """In the language of now."""
    return str(SENTENCES[code]) % {"about": about}
