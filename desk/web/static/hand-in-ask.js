// The button waits until the window has been in front for a moment: a page that opens it under somebody's second click
// must not get that click.
"use strict";

(function () {
  const WAIT_MS = 800;
  const button = document.querySelector("[data-settle]");
  let timer = 0;

  function settle() {
    if (!button) return;
    button.disabled = true;
    clearTimeout(timer);
    if (document.visibilityState === "visible" && document.hasFocus()) {
      timer = setTimeout(function () { button.disabled = false; }, WAIT_MS);
    }
  }

  settle();
  window.addEventListener("focus", settle);
  window.addEventListener("blur", settle);
  document.addEventListener("visibilitychange", settle);
  // Coming back by the history must not find an old form ready.
  window.addEventListener("pageshow", settle);

  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("[data-close]")) window.close();
  });
})();
