"""The two mailings of the demo: an HTML newsletter in UTF-8, a plain one in ISO-2022-JP."""

from delivery.drafts import Draft
from wire.mime import Attachment

_ASAGAO_TEXT = """\
{{ お名前 | お客様 }} 様

いつもあさがお商店をご利用いただき、ありがとうございます。
{{ 都道府県 | 全国 }}のお客様へ、冬のあたたかい贈りものをご案内します。

　・栗と和三盆のお菓子　十二個入り
　・加賀棒ほうじ茶　三缶セット

ご注文は十二月十日までにお願いします。

--
あさがお商店株式会社　〒100-0001 東京都千代田区千代田1-1
お問い合わせ: info@asagao.example
配信停止はこちらからできます: {{ unsubscribe_url }}
"""

_ASAGAO_HTML = """\
<!doctype html>
<html lang="ja"><body style="font-family: sans-serif; color: #222">
<h1 style="color: #4b5d9b">冬の贈りもの</h1>
<p>{{ お名前 | お客様 }} 様</p>
<p>いつもあさがお商店をご利用いただき、ありがとうございます。
{{ 都道府県 | 全国 }}のお客様へ、冬のあたたかい贈りものをご案内します。</p>
<ul><li>栗と和三盆のお菓子 十二個入り</li><li>加賀棒ほうじ茶 三缶セット</li></ul>
<p>ご注文は<strong>十二月十日</strong>までにお願いします。</p>
<hr><p style="font-size: 12px">あさがお商店株式会社 〒100-0001 東京都千代田区千代田1-1<br>
お問い合わせ: info@asagao.example<br>
<a href="{{ unsubscribe_url }}">配信停止はこちらからできます</a></p>
</body></html>
"""

_BOTAN_TEXT = """\
{{ お名前 | お客様 }} 様

ぼたん旅行の松本です。
年末年始の温泉宿に、まだ空きがございます。

　一　草津　二泊三日　朝夕二食付き
　二　別府　一泊二日　貸切風呂

くわしくは添付のご案内をご覧ください。

--
ぼたん旅行株式会社　〒530-0001 大阪府大阪市北区梅田1-1
お問い合わせ: tel 06-0000-0000
配信停止はこちらからできます: {{ unsubscribe_url }}
"""

_GUIDE = "宿,泊数,料金\r\n草津,2,39800\r\n別府,1,24800\r\n".encode("cp932")

ASAGAO = Draft(
    subject="【あさがお商店】{{ お名前 | お客様 }}様へ、冬の贈りもののご案内（十二月十日まで）",
    from_address="news@asagao.example",
    from_name="あさがお商店",
    reply_to="info@asagao.example",
    text=_ASAGAO_TEXT,
    html=_ASAGAO_HTML,
)
BOTAN = Draft(
    subject="年末年始の温泉宿、まだ間に合います",
    from_address="tabi@botan.example",
    from_name="ぼたん旅行",
    text=_BOTAN_TEXT,
    charset="iso-2022-jp",
    attachments=(Attachment("温泉宿のご案内.csv", "text/csv", _GUIDE),),
)
