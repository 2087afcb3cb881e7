"use strict";
// The outbox: an answer is on the phone before anything else happens, and leaves it only when the server says that it has it.

/**
 * @typedef {{id: string, account: string, notBefore: number, body: Record<string, unknown>, name: string,
 *   state: string, said: string}} Answer   state: waiting | refused
 */

const outbox = (() => {
  const SEND_MS_MAX = 15_000;
  const PAUSE_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
  /** @type {Promise<IDBDatabase> | null} */
  let opened = null;
  let failures = 0;
  let sending = false;
  /** @type {number | undefined} */
  let timer;
  let told = () => {};
  let ended = () => {};

  const open = () => {
    opened ??= new Promise((resolve, reject) => {
      const asked = indexedDB.open("redvest", 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore("answers", { keyPath: "id" });
        asked.result.createObjectStore("kept");
      };
      asked.onsuccess = () => {
        // A phone short of memory closes the database: it is opened anew when next needed.
        asked.result.onclose = () => { opened = null; };
        asked.result.onversionchange = () => { asked.result.close(); opened = null; };
        resolve(asked.result);
      };
      asked.onerror = () => { opened = null; reject(asked.error); };
    });
    return opened;
  };

  /** @param {string} store @param {IDBTransactionMode} mode @param {(s: IDBObjectStore) => IDBRequest} act */
  const within = async (store, mode, act) => {
    for (let attempt = 0; ; attempt++) {
      try {
        const database = await open();
        return await new Promise((resolve, reject) => {
          const whole = database.transaction(store, mode, { durability: "strict" });
          const asked = act(whole.objectStore(store));
          whole.oncomplete = () => resolve(asked.result);
          whole.onabort = whole.onerror = () => reject(whole.error);
        });
      } catch (error) {
        opened = null;
        if (attempt >= 2) throw error;
      }
    }
  };

  /** @returns {Promise<Answer[]>} */
  const all = async () => {
    const found = /** @type {Answer[]} */ (await within("answers", "readonly", (s) => s.getAll()));
    // In the order in which they were tapped: the newest answer at a door is the one that counts.
    return found.sort((a, b) => a.notBefore - b.notBefore);
  };
  /** @param {Answer} answer */
  const put = (answer) => within("answers", "readwrite", (s) => s.put(answer));
  /** @param {string} id */
  const drop = (id) => within("answers", "readwrite", (s) => s.delete(id));
  /** @param {string} name */
  const kept = (name) => within("kept", "readonly", (s) => s.get(name));
  /** @param {string} name @param {unknown} value */
  const keep = (name, value) => within("kept", "readwrite", (s) => s.put(value, name));

  const uuid = () => {
    if (crypto.randomUUID) return crypto.randomUUID();
    const b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = (b[6] & 15) | 64;
    b[8] = (b[8] & 63) | 128;
    const hex = [...b].map((each) => each.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  };

  /** @param {number} ms */
  const again = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(send, ms * (0.8 + 0.4 * Math.random()));
  };

  /** @param {Answer} answer @returns {Promise<boolean>} whether the next one may be tried */
  const sendOne = async (answer) => {
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), SEND_MS_MAX);
    try {
      const reply = await fetch(`/m/answers/${answer.id}`, {
        method: "PUT", body: JSON.stringify(answer.body), headers: { "content-type": "application/json" },
        redirect: "manual", signal: stop.signal, cache: "no-store",
      });
      if (reply.status === 200 || reply.status === 201) {
        const said = await reply.json();
        if (said.answer_id !== answer.id) return false;
        await drop(answer.id);
        failures = 0;
        return true;
      }
      if (reply.status === 401) { ended(); return false; }
      if ([404, 409, 422, 413].includes(reply.status)) {
        // The server will not take it as it is: it stays here, and the page says so.
        await put({ ...answer, state: "refused", said: `${reply.status}` });
        return true;
      }
    } catch { /* no line, or no reply: it is sent again under the same name */ } finally { clearTimeout(late); }
    failures++;
    return false;
  };

  const send = async () => {
    if (sending) return;
    sending = true;
    let soonest = 0;
    try {
      const me = /** @type {string} */ (await kept("account"));
      for (const answer of await all()) {
        if (answer.state === "refused" || answer.account !== me) continue;
        const wait = answer.notBefore - Date.now();
        if (wait > 0) { soonest = soonest ? Math.min(soonest, wait) : wait; continue; }
        const before = failures;
        if (!(await sendOne(answer))) {
          if (failures > before) soonest = PAUSE_MS[Math.min(failures, PAUSE_MS.length) - 1];
          else soonest = PAUSE_MS[PAUSE_MS.length - 1];
          break;
        }
      }
    } finally {
      sending = false;
      told();
      again(soonest || 30_000);
    }
  };

  /** @param {() => void} onChange @param {() => void} onEnded */
  const start = (onChange, onEnded) => {
    told = onChange;
    ended = onEnded;
    addEventListener("online", () => { failures = 0; void send(); });
    addEventListener("pageshow", () => void send());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) void send(); });
    navigator.storage?.persist?.().catch(() => undefined);
    void send();
  };

  return { all, put, drop, kept, keep, uuid, send, start };
})();
