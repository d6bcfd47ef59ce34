"""Every kind of problem that the API tells of: code, status, title and what to do about it."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Kind:
    """`code` is for programs and does not change; title and next step are for people."""

    code: str
    status: int
    title: Promise
    next_step: Promise


_KINDS: Final = (
    Kind("malformed", 400, _("The request cannot be read"),
         _("Send valid JSON in UTF-8 with Content-Type: application/json.")),
    Kind("invalid", 400, _("Some values cannot be used"),
         _("Correct what “errors” names and send the request again.")),
    Kind("invalid-cursor", 400, _("This cursor leads nowhere"),
         _("Begin with the first page, and take each next address from the answer as it is.")),
    Kind("invalid-idempotency-key", 400, _("This Idempotency-Key cannot be used"),
         _("Use 1 to 255 printable ASCII characters, for example a UUID.")),
    Kind("broken-file", 400, _("The file cannot be read"),
         _("Send a CSV file whose first line names the columns, one of them “email”.")),
    Kind("rows-refused", 400, _("Rows of the file cannot be used; nothing was changed"),
         _("Correct the rows that “errors” names and send the whole file again.")),
    Kind("key-missing", 401, _("An API key is needed"),
         _("Send the header “Authorization: Bearer hb_live_…” with your key.")),
    Kind("key-unknown", 401, _("This API key does not exist"),
         _("Check that the whole key was copied, or make a new one on the page “API keys”.")),
    Kind("key-revoked", 401, _("This API key was revoked"),
         _("Make a new one on the page “API keys”.")),
    Kind("key-expired", 401, _("This API key has expired"),
         _("Make a new one on the page “API keys”.")),
    Kind("key-address", 403, _("This API key is not taken from your IP address"),
         _("Send from an address in the key's ranges, or make a key with other ranges.")),
    Kind("scope-missing", 403, _("This API key may not do that"),
         _("Use a key with the scope that “detail” names.")),
    Kind("operators-only", 403, _("Only operators may do that"),
         _("Ask the operators of the platform.")),
    Kind("consent-required", 403, _("The recipient's consent is needed"),
         _("Send “consent”: how and when the recipient agreed again.")),
    Kind("not-found", 404, _("Nothing was found"),
         _("Check the address and the ids in it; what belongs to others is not found either.")),
    Kind("method-not-allowed", 405, _("This address does not take that method"),
         _("Use one of the methods in the Allow header.")),
    Kind("not-acceptable", 406, _("The answer cannot be given in that form"),
         _("Accept application/json, or text/csv for exports.")),
    Kind("already-lifted", 409, _("The suppression does not hold any more"),
         _("Nothing has to be done.")),
    Kind("idempotency-key-reused", 409, _("This Idempotency-Key belongs to another request"),
         _("Use a new key for each new request.")),
    Kind("request-under-way", 409, _("The same request is being worked on"),
         _("Wait a second and send it again with the same Idempotency-Key.")),
    Kind("length-required", 411, _("The length of the content is not known"),
         _("Send a Content-Length header instead of chunks.")),
    Kind("too-large", 413, _("The content is too large"),
         _("Send it in several requests.")),
    Kind("unsupported-media-type", 415, _("Content of this type is not taken"),
         _("Send application/json, or text/csv to imports.")),
    Kind("rate-limited", 429, _("Too many requests"),
         _("Wait as many seconds as Retry-After says.")),
    Kind("internal", 500, _("Something broke on our side"),
         _("Try again later. If it stays so, tell the operators the time of the request.")),
)  # fmt: skip

KINDS: Final = {kind.code: kind for kind in _KINDS}
