"""An outreach list as one printable page: A4, big boxes to tick, no script, nothing fetched from anywhere."""

from __future__ import annotations

from html import escape
from importlib import resources

from alerts.figures import kilowatts
from alerts.model.display_names import visit_result_name
from alerts.outreach.planner import VisitResult
from grid.text import Language, Text
from service.exports.sheet import NOBODY, OutreachSheet, PrintedDoor

_BOXES = (VisitResult.AGREED, VisitResult.REFUSED, VisitResult.ABSENT, VisitResult.DONE)
_OPENING_WORDS = Text(
    "您好，我们是供电所红马甲服务队。这条街的变压器负荷很重，再升高就有停电风险。想请您帮个忙，在高峰这几个小时里"
    "少用一点电，大家都不停电。等负荷降下来，我们就不再打扰。",
    "Good day, we are the red-vest team of the supply station. The transformer of this street is heavily loaded, and "
    "if the load rises further the supply is at risk. Could you help us through the peak hours with a little less? As "
    "soon as it is down again we will not trouble you any more.",
)
_SAY = Text("上门怎么说", "At the door")
_NEED = Text("为什么是这么多", "Why so much")
_WHY = Text("为什么", "Why")
_NOW = Text("现在", "Now")
_ASK = Text("请他", "Ask")
_BRINGS = Text("可降", "brings")
_CONTACT = Text("联系人", "Contact")
_TIME = Text("时间", "Time")
_NOTE = Text("备注", "Note")
_BEFORE = Text("此前各版名单中已有答复的", "Answered on earlier revisions")
_WALKER = Text("走访人签名", "Walked by")
_DESK = Text("值班员签名", "Duty desk")
_PRIVACY = Text(
    "本单含商户信息：只作本次走访之用，不得拍照外传；用后交回值班台，录入后销毁。负载率降到目标即停止走访。",
    "This paper holds merchants' data: for this round only, no photographs; hand it back to the duty desk, which "
    "records the answers and destroys it. Stop as soon as the target is reached.",
)
_PRINTED = Text("打印", "Printed")
_EMPTY = Text("名单上没有可走访的商户。", "There is nobody to ask on this list.")


def sheet_html(sheet: OutreachSheet, language: Language) -> str:
    """Return the whole page as HTML text. Everything that came from a ledger is escaped."""

    def say(text: Text) -> str:
        return escape(text.to(language))

    style = resources.files("service.exports").joinpath("export_print.css").read_text(encoding="utf-8")
    facts = "".join(
        f"<div><dt>{say(fact.label)}</dt><dd>{say(fact.value)}<small>{say(fact.more)}</small></dd></div>"
        for fact in sheet.facts
    )
    walkers = "".join(_walker(name, doors, language) for name, doors in sheet.walkers)
    advice = f"<p><b>{say(_NOW)}</b>{say(sheet.advice)}</p>" if sheet.advice else ""
    footer_words = f"{sheet.incident_id}  ·  {_PRINTED.to(language)} {sheet.printed.to(language)}"
    return (
        f'<!doctype html><html lang="{_HTML_LANGUAGE[language]}"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<title>{say(sheet.title)} {escape(sheet.incident_id)}</title>"
        f"<style>{style}@page{{@bottom-left{{content:{_css_text(footer_words)}}}}}</style></head><body>"
        f'<header><i class="vest"></i><h1>{say(sheet.title)}</h1>'
        f'<span class="id">{escape(sheet.incident_id)}</span></header>'
        f'<dl class="facts">{facts}</dl>'
        f'<section class="words"><p><b>{say(_WHY)}</b>{say(sheet.reason)}</p>'
        f"<p><b>{say(_NEED)}</b>{say(sheet.need)}</p>{advice}"
        f'<p class="say"><b>{say(_SAY)}</b>{say(_OPENING_WORDS)}</p></section>'
        f"{walkers or f'<p>{say(_EMPTY)}</p>'}{_before(sheet.answered_before, language)}"
        f'<section class="sign"><span>{say(_WALKER)}</span><span>{say(_DESK)}</span></section>'
        f'<p class="privacy">{say(_PRIVACY)}</p></body></html>'
    )


def _walker(name: str, doors: tuple[PrintedDoor, ...], language: Language) -> str:
    relief = kilowatts(sum(door.offer_kw for door in doors))
    count = Text(
        f"{len(doors)} 户，全部同意可降 {relief}",
        f"{len(doors)} {'door' if len(doors) == 1 else 'doors'}, {relief} if all agree",
    )
    cards = "".join(_door(door, language) for door in doors)
    return (
        f'<section class="walker"><h2>{escape(name or NOBODY.to(language))}'
        f"<small>{escape(count.to(language))}</small></h2>{cards}</section>"
    )


def _door(door: PrintedDoor, language: Language) -> str:
    def say(text: Text) -> str:
        return escape(text.to(language))

    boxes = "".join(
        f'<span class="box{" ticked" if door.result is result else ""}"><i></i>{say(visit_result_name(result))}</span>'
        for result in _BOXES
    )
    reached = "　".join(part for part in (door.contact, door.phone) if part)
    contact = f'<span class="contact">{say(_CONTACT)} {escape(reached)}</span>' if reached else ""
    return (
        f'<article><div class="order">{door.order}</div><div class="who"><h3>{escape(door.merchant)}</h3>'
        f"<p>{escape(door.address)} {contact}</p></div>"
        f'<div class="relief">{say(_BRINGS)}<b>{escape(kilowatts(door.offer_kw))}</b></div>'
        f'<p class="ask"><b>{say(_ASK)}</b>{say(door.ask)}</p>'
        f'<p class="reason">{say(door.reason)}</p>'
        f'<div class="boxes">{boxes}<span class="line">{say(_TIME)}<u>{escape(door.result_time)}</u></span>'
        f'<span class="line note">{say(_NOTE)}<u></u></span></div></article>'
    )


def _before(doors: tuple[PrintedDoor, ...], language: Language) -> str:
    if not doors:
        return ""
    rows = "".join(
        f"<li>{escape(door.merchant)}：{escape(visit_result_name(door.result).to(language)) if door.result else ''} "
        f"{escape(door.result_time)}</li>"
        for door in doors
    )
    return f'<section class="before"><h2>{escape(_BEFORE.to(language))}</h2><ul>{rows}</ul></section>'


def _css_text(text: str) -> str:
    """Return a text as a CSS string; it cannot close the string or the style element."""
    return '"' + "".join(c if c.isalnum() or c in " ·:-" else f"\\{ord(c):x} " for c in text) + '"'


_HTML_LANGUAGE = {Language.ZH: "zh-CN", Language.EN: "en"}
