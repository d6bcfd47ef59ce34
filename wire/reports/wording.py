"""Words by which reports are told apart: failure, delay, absence; in the languages of mailers."""

from __future__ import annotations

import re
from typing import Final

FAILED_SUBJECT: Final = re.compile(
    r"undeliver|un-?delivered|not (?:be )?delivered|non[- ]?deliver|nondeliver"
    r"|deliver\w* (?:status|fail|problem|notification|error|report|has failed|incomplete"
    r"|unsuccessful)|delivery (?:to|of).{0,60}(?:fail|delay)|returned? (?:e-?)?mail"
    r"|mail return|returned to sender|failure (?:notice|delivery)"
    r"|fail(?:ure|ed)\b.{0,30}deliver|mail (?:delivery )?(?:system )?(?:fail|error|status)"
    r"|could not (?:be deliver|send)|message (?:status|delivery|bounce|not delivered)"
    r"|bounce[ds]?\b|user unknown|unknown (?:user|address|recipient)|rejected mail"
    r"|mail rejected|warning: (?:could|message)|delayed|delivery delay|unzustellbar"
    r"|nicht zu(?:ge)?stell|zustellung|fehlgeschlagen|remise|non[- ]remis|échec"
    r"|non (?:recapit|consegn)|mancat[ao] (?:recapito|consegna)"
    r"|no se (?:ha )?(?:pudo|puede|podido) entregar|error (?:de|en la) entrega|no entregad"
    r"|n[ãa]o (?:foi )?(?:p[oô]de ser )?entreg|falha na entrega|onbestelbaar"
    r"|niet (?:af)?bezorgd|niedostarcz|nie dostarcz|zwrot|не ?достав|недостав|сообщение не"
    r"|возвращ|ikke leveret|olevererbar|kunde inte levereras|doručen|nelze doru"
    r"|配信(?:不能|でき|失敗|エラー)|送信(?:でき|エラー|失敗)|不達|未達|配達(?:不能|でき)"
    r"|返送|エラー(?:通知|メール)|宛先不明|メールエラー|届(?:け|き)|退信|退回"
    r"|无法(?:投递|送达)|無法(?:投遞|傳遞|傳送|送達)|投递失败|투달|전송 ?실패|반송"
    r"|notice: mail delivery|message you sent (?:was )?blocked|mail system error"
    r"|quarantin\w+ mail|postmaster notify|error (?:while )?sending"
    r"|loop (?:back )?(?:alert|warning)|not member article|ml system error"
    r"|invalid (?:recipient|address)|mailbox (?:full|unavailable)|email not sent"
    r"|unable to deliver|sorry, your message",
    re.IGNORECASE,
)
DELAYED: Final = re.compile(
    r"warning: (?:could not send|message).{0,60}(?:past|delayed|still)"
    r"|delivery (?:is |has been )?(?:delayed|delay)"
    r"|\bdelay(?:ed)?\b.{0,30}(?:mail|message|delivery)|(?:do|does) not need to re-?send"
    r"|no need to re-?send|warning message only"
    r"|still (?:being )?(?:trying|attempting|queued|in the queue|undelivered)"
    r"|(?:will|shall) (?:be )?(?:re-?tr(?:y|ied)|keep (?:on )?trying|continue (?:to "
    r"(?:try|be)|trying)|try again|be attempted again|retry)|message will be retried"
    r"|not (?:yet )?been delivered (?:yet|after)|delivery attempts will continue"
    r"|has not yet been delivered|(?:temporarily )?delayed (?:for|mail)"
    r"|will be (?:resent|tried) (?:again|for)|verzögert|weitere zustellversuche"
    r"|retard(?:é|ée)\b|retrasad|отложен|遅延|再送(?:信)?(?:を|し)?(?:試み|続け)|延迟",
    re.IGNORECASE,
)
GIVEN_UP: Final = re.compile(
    r"permanent(?!ly moved)|(?<!will )giv(?:e|ing|en) up|gave up|given up"
    r"|no (?:further|more|longer) (?:attempts|delivery|tr)|will not (?:be )?(?:retr|tr)"
    r"|fatal error|(?:could|can) ?not be delivered to one"
    r"|has been (?:returned|removed from the queue)|endgültig"
    r"|retry (?:time not reached|timeout exceeded) for too long"
    r"|exceeded (?:max|the max)\w* |message expired|delivery (?:has )?failed"
    r"|failed permanently",
    re.IGNORECASE,
)
FAILED: Final = re.compile(
    r"(?<![\d.])[45]\.\d\.\d{1,3}(?![\d.])|\b5[0-5]\d[ -]|undeliver"
    r"|(?:could|can|was|were|has|did|does|is|been|be|wasn't|couldn't|can't) ?(?:not"
    r"|n't)? (?:be |been )?(?:deliver|reach|sent|relay|accept|found?|find|exist)"
    r"|not (?:be )?(?:deliver|reach|relay)|unable to (?:deliver|send|relay|find)"
    r"|fail(?:ed|ure)\b|unknown (?:user|recipient|address|host|local)|user (?:is )?unknown"
    r"|no such|does(?:n't| not) (?:exist|have)"
    r"|not (?:exist|found|known|recognized|listed|a valid|valid|available|active)|invalid"
    r"|unroute?able|mailbox|quota|over ?quota|full|disabled|suspend|reject|refus|denied"
    r"|block|bounce|error|timed? ?out|expired|relay|unavailable|aborted|deactivat|inactive"
    r"|not accepting|unbekannt|nicht|unzustellbar|inconnu|introuvable|impossible|refusé"
    r"|desconocido|no existe|rechazad|sconosciut|inesistente|non esiste|desconhecid"
    r"|não existe|onbekend|niet|nieznan|nie istnieje|не (?:найден|существует|может)"
    r"|отклонен|переполнен|недоступ|できません|できなかった|見つかり|存在しま|ありません"
    r"|いっぱい|一杯|不明|拒否|エラー|失敗|超え|超過|届き|无法|不存在|失败|拒绝|已满"
    r"|找不到|無法|전송",
    re.IGNORECASE,
)
# Words to us about our own letter, such as no reader of it would write.
OUR_LETTER: Final = re.compile(
    r"your (?:e-?mail )?(?:message|e-?mail|mail)\b.{0,60}(?:(?:could|was|can) ?not"
    r"|(?:could|was|ca)n't) (?:be )?(?:deliver|sent)|votre message.{0,40}pas (?:pu|été)"
    r"|ihre (?:nachricht|e-?mail).{0,60}nicht zugestellt"
    r"|(?:送信|配信|お届け)できませんでした",
    re.IGNORECASE,
)
REFUSED_LATE: Final = re.compile(
    r"automatically rejected|quota exceeded|mailbox is full", re.IGNORECASE
)
AWAY: Final = re.compile(
    r"out ?of (?:the )?office|\bvacation|auto(?:mat\w{0,6})?[- ]?(?:repl|respon|antwort)"
    r"|away from|on (?:annual |maternity |parental )?leave|absence\b|absent\b|autoreply"
    r"|autoresponder|abwesen|automatische antwort|réponse automatique|absence du bureau"
    r"|respuesta automática|fuera de (?:la )?oficina|risposta automatica|fuori sede"
    r"|assente|resposta automática|ausência|automatisch antwoord|afwezig|autoodpowiedź"
    r"|automatyczna odpowied|autom\w{0,6} atbild|atvaļinājum|atvalinājum|poza biurem"
    r"|автоответ|отпуск|自動(?:返信|応答|送信)|不在|休暇|自动(?:回复|答复)|自動回覆|外出"
    r"|thank you for (?:your (?:e-?mail|message)|contacting)|we have received your"
    r"|ticket\b.{0,20}(?:received|created|#)|ご連絡ありがとう"
    r"|お問い?合わせ(?:を)?(?:ありがとう|受け付け)",
    re.IGNORECASE,
)
UNSUBSCRIBE: Final = re.compile(
    r"\A\W{0,10}(?:re:\s{0,3})?(?:please )?(?:unsubscribe"
    r"|remove me|opt[- ]?out|list-unsubscribe|配信停止|配信解除|購読解除|退会|解除"
    r"|abmelden|abbestellen|désabonn|se désinscrire|cancelar "
    r"(?:suscripción|inscrição)|disiscri|uitschrijven|отписаться"
    r"|退订|取消订阅)",
    re.IGNORECASE,
)
