"""Notices of mailers that write no status: whom they name, and what they say of them."""

import pytest

from wire.reports import Kind, parse

RECIPIENT = "taro@receiver.example"

# Who wrote it, the words, and what they mean. Our own sentences in the forms of each.
NOTICES = {
    "hMailServer": (
        (
            "The following recipient(s) could not be reached:\n\ntaro@receiver.example\n"
            "   Error Type: SMTP\n   Remote server (192.0.2.1) issued an error.\n"
            "   hMailServer sent: RCPT TO:<taro@receiver.example>\n"
            "   Remote server replied: 550 5.1.1 No such user\n"
        ),
        "unknown-user",
    ),
    "MDaemon": (
        (
            "The attached message had PERMANENT fatal delivery errors!\n\n"
            "Failed address: taro@receiver.example\n\n--- Session Transcript ---\n"
            " Thu 2026-11-12 09:30:00: --> RCPT To:<taro@receiver.example>\n"
            " Thu 2026-11-12 09:30:00: <-- 550 5.1.1 User unknown\n--- End Transcript ---\n"
        ),
        "unknown-user",
    ),
    "XMail": (
        (
            "[<00>] XMail bounce: Rcpt=[taro@receiver.example];Error=[550 5.1.1 user unknown]\n\n"
            "Mail From: <news@shop.example>\nRcpt To:   <taro@receiver.example>\n"
        ),
        "unknown-user",
    ),
    "SmarterMail": (
        (
            "Could not deliver message to the following recipient(s):\n\n"
            "Failed Recipient: taro@receiver.example\nReason: Remote host said: 550 No such user\n"
        ),
        "unknown-user",
    ),
    "IronPort": (
        (
            "The following message to <taro@receiver.example> was undeliverable.\n"
            "The reason for the problem:\n5.1.0 - Unknown address error 550-'5.2.2 Mailbox full'\n"
        ),
        "mailbox-full",
    ),
    "a table": (
        "| Recipient | Reason |\n|---|---|\n| taro@receiver.example | 550 5.1.1 User unknown |\n",
        "unknown-user",
    ),
    "numbered": ("1) taro@receiver.example\n   Mailbox is full\n", "mailbox-full"),
    "one sentence": (
        "Your message to taro@receiver.example could not be delivered: mailbox is over quota.",
        "mailbox-full",
    ),
    "French": (
        (
            "Votre message n'a pas pu être remis.\nAdresse : taro@receiver.example\n"
            "Raison : 550 5.1.1 utilisateur inconnu\n"
        ),
        "unknown-user",
    ),
    "German": (
        (
            "Ihre Nachricht konnte nicht zugestellt werden an:\n\n   taro@receiver.example\n\n"
            "Grund: Postfach voll (552 5.2.2)\n"
        ),
        "mailbox-full",
    ),
    "Italian": (
        (
            "Impossibile recapitare il messaggio al seguente destinatario:\n\n"
            "   taro@receiver.example\n\n550 5.1.1 utente sconosciuto\n"
        ),
        "unknown-user",
    ),
    "Polish": (
        (
            "Wiadomość nie została dostarczona do: taro@receiver.example\n"
            "Powód: 550 5.1.1 użytkownik nie istnieje\n"
        ),
        "unknown-user",
    ),
    "Russian": (
        "Сообщение не доставлено получателю taro@receiver.example: пользователь не найден\n",
        "unknown-user",
    ),
    "Japanese, a line": (
        (
            "下記のメールアドレスへの配信に失敗しました。\n\n　　taro@receiver.example\n\n"
            "エラー内容: メールボックスの容量を超えています\n"
        ),
        "mailbox-full",
    ),
    "Japanese, a sentence": (
        "taro@receiver.example 宛のメールは、宛先不明のため配信できませんでした。\n",
        "unknown-user",
    ),
    "Japanese, brackets": (
        "【宛先】taro@receiver.example\n【エラー】550 5.1.1 User unknown\n",
        "unknown-user",
    ),
}
PAGES = {
    "Microsoft": (
        '<p>Your message to <a href="mailto:taro@receiver.example">taro@receiver.example</a>'
        " couldn&#39;t be delivered.</p><p>Remote server returned '550 5.1.10"
        " RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'</p>"
    ),
    "Chinese": (
        "<div>抱歉，您的邮件被退回来了……</div><table><tr><td>收件人：</td>"
        "<td>taro@receiver.example</td></tr><tr><td>退信原因：</td><td>邮箱不存在</td></tr></table>"
    ),
    "Korean": (
        "<p>메일 전송 실패</p><p>받는 사람 : taro@receiver.example</p>"
        "<p>실패 사유: 존재하지 않는 사용자</p>"
    ),
    "a table": (
        "<table><tr><th>Recipient</th><th>Reason</th></tr>"
        "<tr><td>taro@receiver.example</td><td>550 5.1.1 User unknown</td></tr></table>"
    ),
}


def mail(words: str, *, sender: str, subject: str, kind: str = "plain", path: str = "<>") -> bytes:
    return (
        f"Return-Path: {path}\nFrom: {sender}\nTo: news@shop.example\nSubject: {subject}\n"
        f"Content-Type: text/{kind}; charset=utf-8\n\n{words}"
    ).encode()


@pytest.mark.parametrize(("words", "category"), NOTICES.values(), ids=NOTICES.keys())
def test_a_notice_names_its_recipient_and_the_reason(words, category):
    [report] = parse(mail(words, sender="postmaster@gate.example", subject="Undeliverable"))
    assert (report.kind, report.recipient) == (Kind.bounce, RECIPIENT)
    assert report.verdict is not None
    assert report.verdict.category == category


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_a_page_is_read_like_words(page):
    raw = mail(page, sender="postmaster@gate.example", subject="Returned mail", kind="html")
    [report] = parse(raw)
    assert (report.kind, report.recipient) == (Kind.bounce, RECIPIENT)
    assert report.verdict is not None
    assert report.verdict.category == "unknown-user"


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ("遅延しています。\n\ntaro@receiver.example\n\n再送を試みます。", "配信遅延"),
        ("<taro@receiver.example>: timed out. You do not need to resend it.", "Warning: delayed"),
        ("taro@receiver.example\n  We will keep trying for 3 more days.", "Delivery delayed"),
    ],
)  # fmt: skip
def test_what_is_still_tried_is_delayed(words, subject):
    [report] = parse(mail(words, sender="postmaster@gate.example", subject=subject))
    assert (report.kind, report.recipient, report.action) == (Kind.delayed, RECIPIENT, "delayed")


@pytest.mark.parametrize(
    ("words", "subject", "kind"),
    [
        ("I am away until Monday.", "Automatic reply: Autumn", Kind.auto_reply),
        ("My mailbox is full and I cannot be reached.", "Out of office", Kind.auto_reply),
        ("#550 is your ticket; it could not be sooner.", "[Ticket#550] received", Kind.auto_reply),
        ("My filter rejected it first.\n> 550 no <x@y.example>", "Re: Autumn", Kind.other),
        ("My parcel could not be found, write to a@b.example", "Re: delivery failed", Kind.other),
    ],
)
def test_people_who_write_of_failures_are_no_bounces(words, subject, kind):
    raw = mail(words, sender=f"Taro <{RECIPIENT}>", subject=subject, path=f"<{RECIPIENT}>")
    assert [report.kind for report in parse(raw)] == [kind]


def test_a_person_may_pass_on_that_our_letter_failed():
    words = "Your message could not be delivered to\ntaro@receiver.example\n"
    [report] = parse(mail(words, sender="gate@corp.example", subject="RE: Autumn: non remis"))
    assert (report.kind, report.recipient) == (Kind.bounce, RECIPIENT)
