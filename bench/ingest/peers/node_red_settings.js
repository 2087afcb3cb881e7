// Node-RED without editor and without a port. The flow's own store is given to its function node as `bench`.
const Database = require("better-sqlite3");
const store = new Database(process.env.BENCH_DATABASE);
store.pragma("journal_mode = WAL");
store.pragma("synchronous = NORMAL");
store.exec("CREATE TABLE IF NOT EXISTS reading (transformer_id, measured_at, ua, ub, uc, ia, ib, ic, p, q, load_rate, seq)");
store.exec("CREATE TABLE IF NOT EXISTS event (transformer_id, measured_at, kind, load_rate)");
const addReading = store.prepare("INSERT INTO reading VALUES (?,?,?,?,?,?,?,?,?,?,?,?)");
const addEvent = store.prepare("INSERT INTO event VALUES (?,?,?,?)");
const commit = store.transaction((readings, events) => {
  for (const row of readings) addReading.run(row);
  for (const row of events) addEvent.run(row);
});
const ratedPowerKva = JSON.parse(require("fs").readFileSync(process.env.BENCH_RATINGS));

module.exports = {
  uiHost: "127.0.0.1", uiPort: Number(process.env.BENCH_UI_PORT), httpAdminRoot: false, httpNodeRoot: false,
  disableEditor: true, flowFile: process.env.BENCH_FLOW, credentialSecret: false,
  editorTheme: { tours: false }, telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: "warn", metrics: false, audit: false } },
  functionGlobalContext: { bench: { commit, ratedPowerKva } },
};
