// The dock's sound: two short tones when the recording stands still or broke off, again every 20 s, unless switched off.
"use strict";

(function () {
  const choice = document.getElementById("sound");
  const kept = "sakigake-dock-sound";
  let last = 0;
  let audio = null;
  try { choice.checked = localStorage.getItem(kept) !== "off"; } catch (_) { /* no storage here: on, as at first */ }
  choice.addEventListener("change", function () {
    try { localStorage.setItem(kept, choice.checked ? "on" : "off"); } catch (_) { /* only for this time */ }
  });

  function tone(at, pitch) {
    const sound = audio.createOscillator();
    const volume = audio.createGain();
    sound.frequency.value = pitch;
    volume.gain.value = 0.08;
    sound.connect(volume);
    volume.connect(audio.destination);
    sound.start(at);
    sound.stop(at + 0.18);
  }

  function look() {
    const state = document.getElementById("state");
    const gone = !document.getElementById("offline").hidden;
    const alarm = gone || (state && state.getAttribute("data-alarm") === "yes");
    document.body.classList.toggle("alarm", Boolean(alarm));
    if (!alarm) { last = 0; return; }
    if (!choice.checked || Date.now() - last < 20000) return;
    last = Date.now();
    audio = audio || new AudioContext();
    tone(audio.currentTime, 660);
    tone(audio.currentTime + 0.25, 520);
  }

  document.addEventListener("htmx:afterSettle", look);
  ["htmx:sendError", "htmx:timeout"].forEach(function (event) {
    document.addEventListener(event, function () { setTimeout(look, 0); });
  });
  look();
})();
