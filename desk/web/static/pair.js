// The slider between two pictures: with the mouse, a finger or the arrow keys.
"use strict";

(function () {
  document.documentElement.classList.add("scripted");
  function ready(pair) {
    if (pair.dataset.pair) return;
    pair.dataset.pair = "ready";
    const over = pair.querySelector(".over");
    const divider = pair.querySelector(".divider");
    const range = pair.querySelector(".slide");
    const choice = pair.querySelector(".show-slide");
    const stack = pair.querySelector(".stack");
    choice.disabled = false;

    function show() {
      const part = range.value / 10;
      const sliding = choice.checked;
      over.style.clipPath = sliding ? "inset(0 0 0 " + part + "%)" : "";
      divider.style.left = part + "%";
      range.setAttribute("aria-valuetext", Math.round(part) + "%");
    }
    pair.addEventListener("change", show);
    range.addEventListener("input", show);
    let held = false;
    function follow(event) {
      const box = stack.getBoundingClientRect();
      range.value = Math.round(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * 1000);
      show();
    }
    stack.addEventListener("pointerdown", function (event) {
      if (!choice.checked) return;
      held = true;
      stack.setPointerCapture(event.pointerId);
      event.preventDefault();
      follow(event);
    });
    stack.addEventListener("pointermove", function (event) { if (held) follow(event); });
    stack.addEventListener("pointerup", function () { held = false; });
    stack.addEventListener("pointercancel", function () { held = false; });
    choice.checked = true;
    show();
  }
  document.querySelectorAll("[data-pair]").forEach(ready);
  // What comes in later has pairs too.
  document.addEventListener("htmx:load", function (event) {
    event.detail.elt.querySelectorAll("[data-pair]").forEach(ready);
  });
})();
