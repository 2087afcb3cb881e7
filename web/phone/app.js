"use strict";
// My doors: the next one large, an answer with one tap, and "enough, stop" over everything the moment it is true.
(() => {
  const LIVE_MS = 5_000;
  const UNDO_MS = 3_000;
  const TEXTS = {
    zh: {
      other: "EN", out: "退出", agreed: "✓ 同意", refused: "✕ 拒绝", absent: "– 不在", asked: "◔ 已告知", done: "■ 已办",
      next: "下一户", then: "之后", nothing: "现在没有要走访的商户。", all: "名单上的户都有答复了。", sent: "答复已全部送达",
      waiting: (n) => `${n} 条答复在本机等待送出`, refusedByServer: (n) => `${n} 条答复服务器没有收下，请交给值班台`,
      others: (n, who) => `本机还有 ${who} 的 ${n} 条答复，请其登录送出`, offline: "没有网络，名单为", ended: "登录已结束，答复保存在本机。",
      signIn: "登录后继续", stop: "够了，停止走访", stopNote: "不要再上门，谢谢大家。", text: "显示为文字", close: "关闭", undo: "撤销",
      did: "关了什么？", units: "台空调", setpoint: "温度调到", lights: "关了灯", save: "记下", phone: "电话", why: "为什么",
      reason: "为什么需要电话？", reasons: ["上门没人", "确认停用时间", "商户要求回电"], count: (n) => `已答复 · ${n}`, by: "记录",
      escalate: "请等值班台通知", more: "名单会增加", continue: "继续走访", load: "负载率", kw: "预计", notLive: "画面不是实时",
      home: "可添加到主屏幕，没有网络也能打开。", change: "修改",
    },
    en: {
      other: "中文", out: "Sign out", agreed: "✓ Agreed", refused: "✕ Refused", absent: "– Absent", asked: "◔ Asked", done: "■ Done",
      next: "Next door", then: "Then", nothing: "No door to walk to now.", all: "Every door on the list has answered.",
      sent: "All answers are on the server", waiting: (n) => `${n} ${n === 1 ? "answer waits" : "answers wait"} on this phone`,
      refusedByServer: (n) => `${n} not taken by the server: tell the desk`, others: (n, who) => `${n} of ${who} wait here: they must sign in`,
      offline: "No line. The list is of", ended: "Your sign-in has ended. Answers are kept on this phone.", signIn: "Sign in to go on",
      stop: "Enough. Stop.", stopNote: "Knock on no more doors. Thank you.", text: "Show as text", close: "Close", undo: "Undo",
      did: "What was switched off?", units: "air conditioners", setpoint: "set to", lights: "lights off", save: "Note it",
      phone: "Phone", why: "Why", reason: "Why do you need the phone?", reasons: ["Nobody at the door", "Agree on a time", "They asked for a call"],
      count: (n) => `Answered · ${n}`, by: "by", escalate: "Wait for the desk", more: "More doors will come", continue: "Go on",
      load: "load", kw: "expected", notLive: "Not live", home: "Add it to the home screen: it opens without a line.", change: "Change",
    },
  };
  const RESULTS = ["agreed", "refused", "absent", "asked"];
  const ANSWERED = new Set(["agreed", "refused", "absent", "done"]);
  let language = localStorage.getItem("redvest-language") || (new URLSearchParams(location.search).get("lang") === "en" ? "en" : "zh");
  /** @type {any} */
  let list = null;
  let listAt = 0;
  let live = false;
  let over = false;
  let etag = "";
  /** @type {any[]} */
  let waiting = [];
  /** @type {Map<string, string>} */
  const asking = new Map();
  /** @type {Set<string>} */
  const unfolded = new Set();

  const t = () => TEXTS[language];
  /** @param {string} id */
  const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
  /** @param {string} tag @param {Record<string, any>} given @param {...(Node|string)} inside */
  const el = (tag, given = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), given);
    made.append(...inside);
    return made;
  };
  /** @param {any} from @param {string} name */
  const said = (from, name) => from[`${name}_${language}`] || "";
  /** @param {string} text @param {() => void} act @param {string} kind */
  const button = (text, act, kind = "") => el("button", { type: "button", className: kind, onclick: act }, text);

  /** What folds keeps open what was open when it is drawn anew. @param {string} key @param {string} title @param {...(Node|string)} inside */
  const fold = (key, title, ...inside) => {
    const made = el("details", { open: unfolded.has(key) }, el("summary", {}, title), ...inside);
    made.ontoggle = () => (made.open ? unfolded.add(key) : unfolded.delete(key));
    return made;
  };

  /** @param {any} incident @param {any} door @param {string} result @param {Record<string, unknown>} more @param {number} undo */
  const answer = async (incident, door, result, more = {}, undo = UNDO_MS) => {
    const key = `${incident.incident_id}/${door.merchant_id}`;
    const before = Math.max(0, ...waiting.map((each) => each.notBefore));
    await outbox.put({
      id: outbox.uuid(), account: list.account, notBefore: Math.max(Date.now() + undo, before + 1), state: "waiting", said: "", name: door.name,
      body: { incident_id: incident.incident_id, merchant_id: door.merchant_id, result, answered_at: new Date().toISOString(), ...more },
    });
    if (result === "agreed" && undo) asking.set(key, result); else asking.delete(key);
    await look();
    void outbox.send();
  };

  const look = async () => {
    waiting = await outbox.all();
    draw();
  };

  /** The newest answer of a door: what waits here counts before what the server knows. @param {any} incident @param {any} door */
  const resultOf = (incident, door) => {
    const own = waiting.filter((w) => w.account === list.account && w.body.incident_id === incident.incident_id
      && w.body.merchant_id === door.merchant_id && w.state === "waiting");
    const newest = own.sort((a, b) => a.notBefore - b.notBefore).pop();
    return { result: newest ? newest.body.result : door.result, entry: newest };
  };

  const outboxLine = () => {
    const own = waiting.filter((w) => w.account === (list && list.account));
    const refused = own.filter((w) => w.state === "refused").length;
    const others = waiting.filter((w) => w.account !== (list && list.account));
    const parts = [];
    if (over) parts.push(el("b", {}, t().ended), el("a", { href: "/login?next=%2Fm%2F", className: "go" }, t().signIn));
    if (own.length - refused) parts.push(el("b", {}, t().waiting(own.length - refused)));
    if (refused) parts.push(el("b", {}, t().refusedByServer(refused)));
    if (others.length) parts.push(el("b", {}, t().others(others.length, others[0].account)));
    if (!parts.length) parts.push(el("span", {}, t().sent));
    if (waiting.length) parts.push(button(t().text, showText, "quiet"));
    if (!live && !over && listAt) parts.push(el("b", {}, `${t().offline} ${new Date(listAt).toLocaleTimeString()}`));
    const line = at("outbox");
    line.replaceChildren(...parts);
    line.className = waiting.length || over || !live ? "warn" : "";
  };

  const showText = () => {
    const lines = waiting.map((w) => `${w.body.answered_at} ${w.name} ${t()[w.body.result]} ${w.body.incident_id} ${w.body.merchant_id}`
      + `${w.body.switched_off_units ? ` ${w.body.switched_off_units}` : ""} ${w.id}`);
    const box = at("dialog");
    box.replaceChildren(el("textarea", { readOnly: true, rows: 10, value: lines.join("\n") }), button(t().close, () => box.close()));
    box.showModal();
  };

  /** @param {any} incident @param {any} door */
  const details = (incident, door) => {
    const chosen = { units: door.units || 0, setpoint: door.setpoint_c || 26, lights: door.lights_off };
    const row = (values, current, pick, text) => el("div", { className: "pick", role: "group" }, ...values.map((v) => {
      const made = button(text(v), () => {
        pick(v);
        for (const each of made.parentElement.children) each.setAttribute("aria-pressed", String(each === made));
      });
      made.setAttribute("aria-pressed", String(v === current));
      return made;
    }));
    const upTo = [...Array(Math.min((door.of_units || 3) + 1, 7)).keys()];
    return el("div", { className: "details" },
      el("h3", {}, t().did),
      row(upTo, chosen.units, (v) => { chosen.units = v; }, (v) => `${v} ${t().units}`),
      row([24, 26, 27, 28], chosen.setpoint, (v) => { chosen.setpoint = v; }, (v) => `${t().setpoint} ${v} °C`),
      row([true, false], chosen.lights, (v) => { chosen.lights = v; }, (v) => (v ? t().lights : "—")),
      button(t().save, () => answer(incident, door, "done", {
        switched_off_units: chosen.units, setpoint_c: chosen.setpoint, lights_off: chosen.lights }, 0), "primary"));
  };

  /** @param {any} door */
  const reveal = (door) => {
    const box = at("dialog");
    const ask = async (reason) => {
      try {
        const reply = await fetch("/m/reveal", { method: "POST", body: JSON.stringify({ merchant_id: door.merchant_id, reason }), cache: "no-store" });
        const told = await reply.json();
        box.replaceChildren(el("p", {}, reply.ok ? told.contact_name : told.reason),
          ...(reply.ok ? [el("a", { href: `tel:${told.phone}`, className: "go" }, told.phone)] : []), button(t().close, () => box.close()));
      } catch { box.close(); }
    };
    box.replaceChildren(el("p", {}, t().reason), ...t().reasons.map((reason) => button(reason, () => ask(reason))), button(t().close, () => box.close(), "quiet"));
    box.showModal();
  };

  /** @param {any} incident @param {any} door @param {boolean} isNext */
  const card = (incident, door, isNext) => {
    const { result, entry } = resultOf(incident, door);
    const key = `${incident.incident_id}/${door.merchant_id}`;
    const locked = entry && entry.notBefore > Date.now();
    const made = el("article", { className: isNext ? "door next" : "door" });
    made.dataset.merchant = door.merchant_id;
    made.append(
      el("h2", {}, el("span", { className: "order" }, String(door.order)), door.name),
      el("p", { className: "where" }, [door.address, door.category, door.phase].filter(Boolean).join(" · ")),
      el("p", { className: "ask" }, said(door, "ask")),
      el("p", { className: "kw" }, `${t().kw} ${door.kw} kW`),
    );
    if (result) made.append(el("p", { className: `result ${result}` }, t()[result] + (entry ? ` · ${t().waiting(1)}` : "")));
    if (asking.has(key)) {
      if (locked) made.append(button(t().undo, async () => { asking.delete(key); await outbox.drop(entry.id); await look(); }, "quiet"));
      made.append(details(incident, door));
      if (locked) return made;
    } else if (locked) {
      made.append(button(t().undo, async () => { await outbox.drop(entry.id); await look(); }, "quiet"));
      return made;
    }
    made.append(el("div", { className: "answers" }, ...RESULTS.map((r) => button(t()[r], () => answer(incident, door, r), r))));
    made.append(fold(`why/${key}`, t().why, said(door, "why"), " ", door.contact));
    if (list.reveals && door.phone && live) made.append(button(`${t().phone} ${door.phone}`, () => reveal(door), "quiet"));
    return made;
  };

  /** @param {any} incident */
  const part = (incident) => {
    const open = incident.doors.filter((d) => !ANSWERED.has(resultOf(incident, d).result) || asking.has(`${incident.incident_id}/${d.merchant_id}`)
      || (resultOf(incident, d).entry || { notBefore: 0 }).notBefore > Date.now());
    const done = incident.doors.filter((d) => !open.includes(d));
    const load = incident.load_percent === null ? t().notLive : `${t().load} ${incident.load_percent} %`;
    const made = el("section", { className: "incident" }, el("p", { className: "top" }, el("b", {}, incident.called), ` ${incident.transformer} · ${load}`));
    if (incident.advice && incident.advice.kind !== "enough") made.append(el("p", { className: "advice" }, said(incident.advice, "name")));
    if (!open.length) made.append(el("p", {}, t().all));
    open.forEach((door, i) => {
      if (i < 2) made.append(el("h3", {}, i ? t().then : t().next));
      made.append(card(incident, door, i === 0));
    });
    if (done.length) {
      made.append(fold(`done/${incident.incident_id}`, t().count(done.length), ...done.map((door) => {
        const told = `${door.name} · ${t()[resultOf(incident, door).result]}${door.result_by ? ` · ${door.result_by}` : ""}`;
        return fold(`done/${incident.incident_id}/${door.merchant_id}`, told, card(incident, door, false));
      })));
    }
    return made;
  };

  let drawn = "";
  const draw = () => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    at("language").textContent = t().other;
    at("session").textContent = t().out;
    at("who").textContent = list ? list.person : "";
    outboxLine();
    const enough = list ? list.incidents.filter((i) => i.advice && i.advice.kind === "enough") : [];
    at("stop").hidden = !enough.length;
    at("stop").replaceChildren(...(enough.length ? [el("h1", {}, t().stop), el("p", {}, `${t().stopNote} ${enough.map((i) => i.called).join(" · ")}`)] : []));
    const shape = JSON.stringify([list, language, live, over, [...asking], waiting.map((w) => [w.id, w.state, w.notBefore > Date.now()])]);
    // What somebody has open or has the finger on is not drawn anew while nothing changed.
    if (shape === drawn || at("dialog").open) return;
    drawn = shape;
    const going = list ? list.incidents.filter((i) => !enough.includes(i)) : [];
    const parts = [...going, ...enough].map(part);
    at("list").replaceChildren(...(parts.length ? parts : [el("p", {}, list ? t().nothing : "…")]), el("p", { className: "note" }, t().home));
  };

  const refresh = async () => {
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), 10_000);
    try {
      const reply = await fetch("/m/list", { headers: etag ? { "if-none-match": etag } : {}, redirect: "manual", cache: "no-store", signal: stop.signal });
      over = reply.status === 401;
      live = reply.ok || reply.status === 304;
      if (live) listAt = Date.now();
      if (reply.ok) {
        list = await reply.json();
        etag = reply.headers.get("etag") || "";
        await outbox.keep("account", list.account);
        await outbox.keep("list", { list, listAt });
      }
    } catch { live = false; } finally { clearTimeout(late); }
    await look();
  };

  const start = async () => {
    const kept = await outbox.kept("list");
    if (kept) { list = kept.list; listAt = kept.listAt; }
    await look();
    await refresh();
    outbox.start(() => void look(), () => { over = true; draw(); });
    setInterval(() => { if (!document.hidden) void refresh(); }, LIVE_MS);
    setInterval(() => void look(), 1_000);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) void refresh(); });
    addEventListener("online", () => void refresh());
  };

  at("language").onclick = () => {
    language = language === "zh" ? "en" : "zh";
    localStorage.setItem("redvest-language", language);
    draw();
  };
  navigator.serviceWorker?.register("/m/sw.js", { scope: "/m/" }).catch(() => undefined);
  void start();
})();
