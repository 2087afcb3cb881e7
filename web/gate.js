// When the sign-in ends, the page does not stay: the server closes its socket, and the page asks for the login.
(() => {
  const ended = () => location.reload();
  const ask = () => fetch("./me", { redirect: "manual", cache: "no-store" })
    .then((answer) => { if (answer.status === 401) ended(); })
    .catch(() => undefined);
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("close", (event) => (event.code === 4401 ? ended() : ask()));
    }
  };
})();
