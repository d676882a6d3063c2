// Plays the stages one after the other. Nothing moves until it is asked to; who wants less motion gets a slower start.
"use strict";

(function () {
  document.documentElement.classList.add("scripted");
  const player = document.querySelector(".player");
  if (!player) return;
  const stages = JSON.parse(player.dataset.frames);
  const held = JSON.parse(player.dataset.held);
  const image = player.querySelector(".screen img");
  const caption = player.querySelector(".caption");
  const place = player.querySelector(".place");
  const go = player.querySelector(".go");
  const speed = player.querySelector(".speed");
  const hold = player.querySelector(".hold");
  let at = 0;
  let timer = null;
  let ahead = null;
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) speed.value = "1";

  function holding() { return Boolean(hold && hold.checked && held.length); }
  function count() { return holding() ? held.length : stages.length; }
  function source(number) { return holding() ? held[number] : stages[number].src; }
  function show(number) {
    at = Math.min(count() - 1, Math.max(0, number));
    image.src = source(at);
    place.max = count() - 1;
    place.value = at;
    const stage = stages[Math.round(at * (stages.length - 1) / Math.max(1, count() - 1))];
    const text = [player.dataset.stage.replace("#", stage.seq), stage.at, stage.name].filter(Boolean).join(" · ");
    image.alt = text;
    place.setAttribute("aria-valuetext", text);
    caption.textContent = text;
    if (at + 1 < count()) { ahead = new Image(); ahead.src = source(at + 1); }
  }
  function stop() {
    if (timer) window.clearTimeout(timer);
    timer = null;
    go.textContent = player.dataset.play;
    caption.setAttribute("role", "status");
  }
  function step() {
    // The next picture is shown when it is there: a slow disk makes the film slow, not full of holes.
    timer = window.setTimeout(function () {
      const next = function () { if (timer === null) return; show(at + 1); if (at >= count() - 1) stop(); else step(); };
      if (!ahead || ahead.complete) next();
      else { ahead.onload = next; ahead.onerror = next; }
    }, 1000 / Number(speed.value));
  }
  go.addEventListener("click", function () {
    if (timer) { stop(); return; }
    if (at >= count() - 1) show(0);
    go.textContent = player.dataset.pause;
    caption.removeAttribute("role");
    step();
  });
  player.querySelector(".back").addEventListener("click", function () { stop(); show(at - 1); });
  player.querySelector(".on").addEventListener("click", function () { stop(); show(at + 1); });
  place.addEventListener("input", function () { stop(); show(Number(place.value)); });
  if (hold) hold.addEventListener("change", function () { stop(); show(0); });
  show(0);
})();
