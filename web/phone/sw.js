// The page opens without a line: its own files are kept on the phone. My doors and answers are the page's business.
const KEPT = "redvest-m-1";
const FILES = ["/m/", "/m/app.js", "/m/outbox.js", "/m/app.css"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== KEPT) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.method !== "GET" || !FILES.includes(path)) return;
  event.respondWith((async () => {
    const kept = await caches.open(KEPT);
    try {
      const answer = await fetch(event.request);
      if (answer.ok) await kept.put(path, answer.clone());
      return answer.status >= 500 ? (await kept.match(path)) || answer : answer;
    } catch (error) {
      const known = await kept.match(path);
      if (known) return known;
      throw error;
    }
  })());
});
