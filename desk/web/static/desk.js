// What the desk adds to its pages where scripts run: everything works without it but live parts and sounds.
"use strict";

(function () {
  const offline = document.getElementById("offline");

  // The desk may have been closed while a page stays open: say so instead of standing still.
  ["htmx:sendError", "htmx:timeout"].forEach(function (event) {
    document.addEventListener(event, function () {
      if (offline) offline.hidden = false;
    });
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    if (offline && event.detail.successful) offline.hidden = true;
  });

  // A form that takes something away asks once more.
  document.addEventListener("submit", function (event) {
    const button = event.submitter;
    const question = button && button.getAttribute("data-ask");
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // Buttons that copy an address that is to be pasted elsewhere.
  document.addEventListener("click", function (event) {
    const button = event.target.closest ? event.target.closest("[data-copy]") : null;
    if (!button) return;
    const field = document.getElementById(button.getAttribute("data-copy"));
    if (!field) return;
    field.select();
    const done = function () { button.textContent = button.getAttribute("data-done"); };
    if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(done, function () { document.execCommand("copy"); done(); });
    else if (document.execCommand("copy")) done();
  });
})();
