// Dragging over the strip compares what was drawn at its two ends; a click goes to the stages of that moment.
"use strict";

(function () {
  document.documentElement.classList.add("scripted");
  document.querySelectorAll(".strip").forEach(function (strip) {
    const begin = Number(strip.dataset.begin);
    const end = Number(strip.dataset.end);
    const svg = strip.querySelector("svg");
    const chosen = strip.querySelector(".chosen");
    const now = strip.querySelector(".strip-now");
    let from = null;
    strip.classList.add("live");

    function share(event) {
      const box = svg.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    }
    function moment(part) { return Math.round(begin + part * (end - begin)); }
    function clock(part) { return new Date(moment(part)).toLocaleTimeString(document.documentElement.lang); }
    function draw(one, other) {
      const low = Math.min(one, other);
      chosen.removeAttribute("hidden");
      chosen.setAttribute("x", low * 100 + "%");
      chosen.setAttribute("width", Math.abs(other - one) * 100 + "%");
      now.textContent = clock(low) + " – " + clock(Math.max(one, other));
    }
    function rest() {
      from = null;
      chosen.setAttribute("hidden", "");
      now.textContent = "";
    }
    svg.addEventListener("pointerdown", function (event) {
      if (event.button) return;
      from = share(event);
      svg.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    svg.addEventListener("pointermove", function (event) {
      const here = share(event);
      if (from === null) now.textContent = clock(here);
      else draw(from, here);
    });
    svg.addEventListener("pointerleave", function () { if (from === null) now.textContent = ""; });
    svg.addEventListener("pointercancel", rest);
    svg.addEventListener("pointerup", function (event) {
      if (from === null) return;
      const one = Math.min(from, share(event));
      const other = Math.max(from, share(event));
      const moved = Math.abs(other - one) * svg.getBoundingClientRect().width;
      rest();
      if (moved >= 8) window.location.assign(strip.dataset.compare + "?from=" + moment(one) + "&to=" + moment(other));
    });
  });
})();
