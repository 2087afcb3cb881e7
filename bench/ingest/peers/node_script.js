// The same in Node.js: MQTT.js, JSON.parse, a Map of states, better-sqlite3. Acknowledges at receipt, commits every 50 ms.
//   node node_script.js PORT QOS DATABASE RATINGS
const mqtt = require("mqtt");
const Database = require("better-sqlite3");
const [port, qos, database, ratings] = process.argv.slice(2);
const ratedPowerKva = new Map(Object.entries(JSON.parse(require("fs").readFileSync(ratings))));
const store = new Database(database);
store.pragma("journal_mode = WAL");
store.pragma("synchronous = NORMAL");
store.exec("CREATE TABLE IF NOT EXISTS reading (transformer_id, measured_at, ua, ub, uc, ia, ib, ic, p, q, load_rate, seq)");
store.exec("CREATE TABLE IF NOT EXISTS event (transformer_id, measured_at, kind, load_rate)");
const addReading = store.prepare("INSERT INTO reading VALUES (?,?,?,?,?,?,?,?,?,?,?,?)");
const addEvent = store.prepare("INSERT INTO event VALUES (?,?,?,?)");
const severe = new Map();
let readings = [], events = [];

function take(id, r) {
  const p = r.active_power_kw, q = r.reactive_power_kvar;
  const loadRate = Math.sqrt(p * p + q * q) / ratedPowerKva.get(id);
  if (severe.get(id)) {
    if (loadRate < 0.85) { severe.set(id, false); events.push([id, r.measured_at, "over", loadRate]); }
  } else if (loadRate >= 0.9) { severe.set(id, true); events.push([id, r.measured_at, "opened", loadRate]); }
  const u = r.voltage_v, i = r.current_amp;
  readings.push([id, r.measured_at, u[0], u[1], u[2], i[0], i[1], i[2], p, q, loadRate, r.seq]);
}

const commit = store.transaction(() => {
  for (const row of readings) addReading.run(row);
  for (const row of events) addEvent.run(row);
});

setInterval(() => { if (readings.length) { commit(); readings = []; events = []; } }, 50);
const client = mqtt.connect({
  host: "127.0.0.1", port: Number(port), protocolVersion: 5, clientId: "bench-node-script", clean: false,
  properties: { sessionExpiryInterval: 3600 },
});
client.on("connect", () => client.subscribe(["redvest/v1/+/+/reading", "redvest/v1/+/readings"], { qos: Number(qos) }));
client.on("message", (topic, payload) => {
  const content = JSON.parse(payload);
  if (topic.endsWith("/reading")) take(topic.split("/")[3], content);
  else if (content.readings) for (const r of content.readings) take(r.transformer_id, r);
  else {
    const c = content.columns, names = Object.keys(c);
    for (let n = 0; n < c.transformer_id.length; n++) {
      const r = {};
      for (const name of names) r[name] = c[name][n];
      take(r.transformer_id, r);
    }
  }
});
