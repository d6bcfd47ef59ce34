"""The destination groups every platform meets, with limits and where they come from."""

from django.db import migrations

# slug, name, domains, connections, messages per connection, source
GROUPS = [
    ("docomo", "NTT docomo", ["docomo.ne.jp", "mopera.net"], 5, 100,
     "docomo: at most 100 recipients a session (docomo.ne.jp smtp_notice)"),
    ("au", "KDDI (au)", ["ezweb.ne.jp", "au.com", "biz.ezweb.ne.jp", "augps.ezweb.ne.jp",
     "ido.ne.jp", "uqmobile.jp"], 5, 50,
     "au: no figures published; 'long or many sessions' are blocked (au.com attention/faq)"),
    ("softbank", "SoftBank", ["softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp", "disney.ne.jp",
     "ymobile.ne.jp", "ymobile1.ne.jp", "y-mobile.ne.jp", "yahoo.ne.jp"], 5, 50,
     "SoftBank: no figures published; refused for a time after many unknown users"),
    ("yahoo-jp", "Yahoo! JAPAN", ["yahoo.co.jp", "ybb.ne.jp"], 2, 20,
     "KumoMTA community rule: 2 connections, 20 mails per connection"),
    ("google", "Google", ["gmail.com", "googlemail.com"], 10, 100,
     "KumoMTA default for unlisted sites; Google publishes no per-IP figure"),
    ("microsoft", "Microsoft", ["outlook.com", "outlook.jp", "hotmail.com", "hotmail.co.jp",
     "live.jp", "live.com", "msn.com"], 10, 100,
     "KumoMTA default for unlisted sites"),
    ("icloud", "Apple iCloud", ["icloud.com", "me.com", "mac.com"], 5, 100,
     "KumoMTA default for unlisted sites, halved: Apple asks for few connections"),
    ("other", "Other", [], 10, 100, "KumoMTA default for unlisted sites"),
]  # fmt: skip


def add_groups(apps, schema_editor):
    destination = apps.get_model("delivery", "Destination")
    for slug, name, domains, connections, messages, source in GROUPS:
        destination.objects.create(
            slug=slug,
            name=name,
            domains=domains,
            max_connections=connections,
            messages_per_connection=messages,
            source=source,
        )


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [migrations.RunPython(add_groups, migrations.RunPython.noop)]
