"""The page behind the unsubscribe link, and the one-click endpoint (RFC 8058).

Public: the signed token in the address is all it asks for, so there is no session and no CSRF
check. A GET changes nothing: mail scanners open every link.
"""

from typing import Literal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from customers import unsubscribes
from customers.models import Customer
from customers.unsubscribes import OptOut


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """What a GET shows, a POST does. Mail programs post `List-Unsubscribe=One-Click`."""
    opt_out = unsubscribes.read(token)
    customer = opt_out and Customer.objects.filter(pk=opt_out.customer_id).first()
    if opt_out is None or customer is None:
        return render(request, "customers/unsubscribe_unknown.html", status=404)
    if request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click":
        _end(opt_out, "one-click")
        return HttpResponse("unsubscribed\n", content_type="text/plain; charset=utf-8")
    if request.method == "POST":
        _end(opt_out, "page")
    context = {
        "customer": customer,
        "address": opt_out.key,
        "has_ended": unsubscribes.has_ended(opt_out),
    }
    return render(request, "customers/unsubscribe.html", context)


def _end(opt_out: OptOut, channel: Literal["page", "one-click"]) -> None:
    unsubscribes.unsubscribe(opt_out=opt_out, channel=channel, now=timezone.now())
