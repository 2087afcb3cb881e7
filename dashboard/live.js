// The browser's own watch over a live page: ages grow by themselves, and a page that gets no news says so.
// Each live part carries a mark, i.rv-beat, with its beat, pace, speed and sentence; a new beat is news.
// (No tag may stand in this file, in a comment either: the sanitiser of the page would drop the whole script.)
// Nothing is asked of the server here: it works when the server hangs, is gone, or the line is cut.
(() => {
  if (window.redvestWatch) return;
  window.redvestWatch = true;
  const SILENT_SECONDS_MIN = 10;
  const MISSED_REFRESHES = 2;
  const TICK_MS = 500;
  const firstSeen = new WeakMap();
  let beat = "";
  let beatAt = performance.now();

  const spanText = (seconds, zh) => {
    const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    if (minutes < 1) return zh ? `${Math.floor(seconds)} 秒` : `${Math.floor(seconds)} s`;
    if (hours < 1) return zh ? `${minutes} 分钟` : `${minutes} min`;
    if (days < 1) return zh ? `${hours} 小时 ${minutes % 60} 分` : `${hours} h ${minutes % 60} min`;
    return zh ? `${days} 天 ${hours % 24} 小时` : `${days} d ${hours % 24} h`;
  };

  const ageText = (seconds, zh) => {
    if (seconds < 5) return zh ? "刚刚" : "just now";
    return zh ? `${spanText(seconds, true)}前` : `${spanText(seconds, false)} ago`;
  };

  const growAges = (now, speed) => {
    for (const shown of document.querySelectorAll("time.rv-age")) {
      const known = firstSeen.get(shown);
      if (!known || known.age !== shown.dataset.age) {
        firstSeen.set(shown, { age: shown.dataset.age, at: now });
        continue;
      }
      const seconds = Number(shown.dataset.age) + ((now - known.at) / 1000) * speed;
      const text = ageText(seconds, shown.dataset.lang === "zh");
      if (shown.textContent !== text) shown.textContent = text;
    }
  };

  const banner = () => {
    let box = document.getElementById("rv-stale");
    if (!box) {
      box = document.createElement("div");
      box.id = "rv-stale";
      box.setAttribute("role", "alert");
      box.append(document.createElement("b"));
      document.body.append(box);
    }
    return box;
  };

  const tick = () => {
    const now = performance.now();
    const marks = document.querySelectorAll("i.rv-beat");
    const newest = [...marks].map((mark) => mark.dataset.beat).join(" ");
    const last = marks[marks.length - 1];
    if (newest !== beat) {
      beat = newest;
      beatAt = now;
    }
    if (!last) {
      document.getElementById("rv-stale")?.remove();
      return;
    }
    growAges(now, Number(last.dataset.speed) || 1);
    const silent = (now - beatAt) / 1000;
    const limit = Math.max(SILENT_SECONDS_MIN, MISSED_REFRESHES * (Number(last.dataset.every) || 0));
    if (silent <= limit) {
      document.getElementById("rv-stale")?.remove();
      return;
    }
    const text = last.dataset.said.replace("{}", spanText(silent, last.dataset.lang === "zh"));
    const words = banner().firstChild;
    if (words.textContent !== text) words.textContent = text;
  };

  // A hidden tab's timers sleep: it has a few seconds to hear from the server before it is called stale.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) beatAt = Math.max(beatAt, performance.now() - (SILENT_SECONDS_MIN - 5) * 1000);
  });
  setInterval(tick, TICK_MS);
})();
