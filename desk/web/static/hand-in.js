// Reads what the bookmark put behind the "#" of this page's address, once, and hands it to the desk, which asks.
"use strict";

(function () {
  const told = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search); // it need not stay in the history
  const form = document.getElementById("pass-on");
  let text = "";
  try {
    text = decodeURIComponent(told);
  } catch (_) {
    text = "";
  }
  if (!text || text.length > 40000) {
    document.getElementById("waiting").hidden = true;
    document.getElementById("nothing").hidden = false;
    return;
  }
  form.elements.told.value = text;
  form.submit();
})();
