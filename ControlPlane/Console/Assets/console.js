// What only the browser can do: the reader's time zone, counting down, the clipboard, and having a sign-in renewed. Everything else happens on the server.
(() => {
  "use strict";
  // counts by the server's clock: a reader's own may be wrong
  const ahead = Date.parse(document.body.dataset.now) - Date.now();
  const now = () => Date.now() + ahead;

  const forms = {
    moment: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }),
    clock: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
    today: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
  };
  const sameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();
  const span = (milliseconds) => {
    const s = Math.max(0, Math.round(milliseconds / 1000));
    const units = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
    const first = units.findIndex(([n]) => n > 0);
    if (first < 0) return "0 s";
    // seconds are told where they matter
    return units.slice(first, first + (first >= 2 ? (s < 600 ? 2 : 1) : 2)).filter(([n], i) => i === 0 || n > 0).map(([n, u]) => `${n} ${u}`).join(" ");
  };
  const shown = {
    moment: (at) => (sameDay(at, now()) ? forms.today.format(at) : forms.moment.format(at)),
    clock: (at) => forms.clock.format(at),
    ago: (at) => (now() - at < 5000 ? "just now" : now() - at < 86400000 ? `${span(now() - at)} ago` : forms.moment.format(at)),
    left: (at) => (at > now() ? span(at - now()) : "over"),
  };

  const both = (at) => `${forms.moment.format(at)}\n${new Date(at).toISOString().replace("T", " ").replace(/\.\d+Z$/, "")} UTC`;

  const ticking = new Set();
  class LocalTime extends HTMLElement {
    static observedAttributes = ["at", "as"];
    connectedCallback() { ticking.add(this); this.draw(); }
    disconnectedCallback() { ticking.delete(this); }
    attributeChangedCallback() { this.draw(); }
    draw() {
      const at = Date.parse(this.getAttribute("at"));
      if (Number.isNaN(at)) return;
      const as = this.getAttribute("as") ?? "moment";
      const text = shown[as](at);
      if (this.textContent !== text) this.textContent = text;
      this.title = both(at);
      this.toggleAttribute("soon", as === "left" && at - now() < 60000);
    }
  }
  class TimeBar extends HTMLElement {
    static observedAttributes = ["from", "to"];
    connectedCallback() {
      this.bar ??= this.appendChild(Object.assign(document.createElement("progress"), { max: 1 }));
      this.bar.setAttribute("aria-label", "time left");
      ticking.add(this);
      this.draw();
    }
    disconnectedCallback() { ticking.delete(this); }
    attributeChangedCallback() { this.draw(); }
    draw() {
      const [from, to] = ["from", "to"].map((a) => Date.parse(this.getAttribute(a)));
      if (this.bar) this.bar.value = Math.min(1, Math.max(0, (to - now()) / Math.max(1, to - from)));
    }
  }
  customElements.define("local-time", LocalTime);
  customElements.define("time-bar", TimeBar);
  setInterval(() => ticking.forEach((element) => element.draw()), 1000);

  // what a bar of a chart is and when, in the moment in which it is pointed at
  document.addEventListener("pointerover", ({ target }) => {
    if (target.matches?.("rect[data-at]")) target.querySelector("title").textContent = `${target.dataset.told}\n${both(Date.parse(target.dataset.at))}`;
  });

  document.addEventListener("click", async ({ target }) => {
    const button = target.closest?.("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // without https there is no clipboard: what is to be copied is selected instead
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      return;
    }
    button.setAttribute("data-done", "");
    setTimeout(() => button.removeAttribute("data-done"), 1500);
  });

  // what is written at length is told when its writer pauses, and not key by key
  let pause = 0;
  document.addEventListener("input", ({ target }) => {
    if (!target.matches?.("[data-pause]")) return;
    clearTimeout(pause);
    pause = setTimeout(() => target.dispatchEvent(new Event("change", { bubbles: true })), 400);
  });

  // a file that the server makes: fetched, so that a refusal can be shown where it was asked for
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-download]")) return;
    event.preventDefault();
    const said = form.querySelector("output");
    const body = new FormData(form, event.submitter);
    for (const [name, value] of new FormData(document.getElementById("sign-out"))) body.append(name, value); // this page's proof that it is no other site's
    said.textContent = "It is put together…";
    const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
    if (!answer?.ok) {
      said.textContent = (await answer?.json().catch(() => null))?.detail ?? "That did not work: try again.";
      return;
    }
    const link = Object.assign(document.createElement("a"), {
      href: URL.createObjectURL(await answer.blob()),
      download: /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))?.[1] ?? "evidence",
    });
    link.click();
    URL.revokeObjectURL(link.href);
    said.textContent = "Here it is. That it was taken is recorded.";
  });

  // a circuit that the server does not know any more is begun anew
  document.addEventListener("components-reconnect-state-changed", ({ detail }) => {
    if (detail.state === "rejected" || detail.state === "failed") location.reload();
  });

  // Plays a session: what is later than the moment shown is dimmed, at the pace in which it happened. All of it is here already; nothing is asked of the server.
  function replay(player, list, begin) {
    const find = (what) => player.querySelector(what);
    const [scrub, head, play, speed, skip, clock] = [".scrub", "line.head", "[data-play]", "[data-speed]", "[data-skip]", "[data-clock]"].map(find);
    const length = Number(player.dataset.length);
    const moments = [...list.children].map((element) => ({ element, at: Number(element.dataset.at) }));
    let at = length, running = 0, last = 0, current = null;
    const show = (to, follow) => {
      at = Math.min(length, Math.max(0, to));
      scrub.value = at;
      for (const a of ["x1", "x2"]) head.setAttribute(a, (at * 1000) / length);
      clock.textContent = `${span(at)} of ${span(length)}`;
      let now = null;
      for (const { element, at: then } of moments) {
        element.toggleAttribute("data-later", then > at);
        if (then <= at) now = element;
      }
      if (now !== current) {
        current?.removeAttribute("data-now");
        (current = now)?.setAttribute("data-now", "");
        if (follow) now?.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      }
    };
    const stop = () => { cancelAnimationFrame(running); running = 0; play.textContent = "Play"; };
    const step = (time) => {
      if (!player.isConnected) return stop();
      const factor = Number(speed.value);
      let to = at + (time - last) * factor;
      const next = moments.find((m) => m.at > at);
      // a pause of more than two seconds of the reader's time is passed over
      if (skip.checked && next && (next.at - at) / factor > 2000) to = next.at - 500 * factor;
      last = time;
      show(to, true);
      if (at >= length) return stop();
      running = requestAnimationFrame(step);
    };
    play.onclick = () => {
      if (running) return stop();
      if (at >= length) show(0, true);
      last = performance.now();
      play.textContent = "Pause";
      running = requestAnimationFrame(step);
    };
    scrub.oninput = () => { stop(); show(Number(scrub.value), true); };
    find(".track").onclick = ({ offsetX, currentTarget }) => { stop(); show((offsetX / currentTarget.clientWidth) * length, true); };
    show(length, false);
    const wanted = begin && document.getElementById(begin);
    if (wanted) {
      show(Number(wanted.dataset.at), false);
      wanted.scrollIntoView({ block: "center" });
    }
  }

  // the instant that a field for local time shows; told with the change, so that who searches at once searches by it
  Blazor.registerCustomEventType("instantchange", {
    browserEventName: "change",
    createEventArgs: ({ target }) => {
      const at = new Date(target.value);
      return { utc: target.validity.valid && !Number.isNaN(at.valueOf()) ? at.toISOString() : null };
    },
  });

  window.accessplane = {
    replay,
    /** Puts the writer's cursor where something is wrong. */
    toLine(id, line, column) {
      const field = document.getElementById(id);
      const begin = field.value.split("\n").slice(0, line - 1).reduce((at, text) => at + text.length + 1, 0);
      field.focus();
      field.setSelectionRange(begin + column - 1, begin + column);
      field.scrollTop = (line - 4) * parseFloat(getComputedStyle(field).lineHeight);
    },
    showInstant(field, utc) {
      const at = utc ? new Date(utc) : null;
      field.value = at ? new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19) : "";
    },
    /** Has the sign-in renewed; gives what the circuit takes its new token from, or nothing where the sign-in is over. */
    async renew() {
      const body = new FormData(document.getElementById("sign-out")); // the page's own proof that it is no other site's
      const answer = await fetch("/console/renew", { method: "POST", body, redirect: "error" });
      return answer.ok ? answer.text() : null;
    },
  };
})();
