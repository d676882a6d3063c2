// Drawing the rectangle of the canvas over the picture of a window; the numbers below it say the same.
"use strict";

(function () {
  const area = document.getElementById("marking");
  const picture = area.querySelector("img");
  const mark = area.querySelector(".marked");
  const fields = ["x", "y", "w", "h"].map(function (name) { return document.getElementById("mark-" + name); });
  const whole = { width: Number(area.dataset.width), height: Number(area.dataset.height) };
  let from = null;

  function scale() { return picture.clientWidth / whole.width; }

  function show() {
    const [x, y, w, h] = fields.map(function (field) { return Number(field.value); });
    const factor = scale();
    mark.hidden = !(w > 0 && h > 0);
    mark.style.left = picture.offsetLeft + x * factor + "px";
    mark.style.top = picture.offsetTop + y * factor + "px";
    mark.style.width = w * factor + "px";
    mark.style.height = h * factor + "px";
  }

  function place(event) {
    const box = picture.getBoundingClientRect();
    const factor = scale();
    return {
      x: Math.min(whole.width, Math.max(0, Math.round((event.clientX - box.left) / factor))),
      y: Math.min(whole.height, Math.max(0, Math.round((event.clientY - box.top) / factor))),
    };
  }

  area.addEventListener("pointerdown", function (event) {
    if (event.button !== 0) return;
    from = place(event);
    area.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  area.addEventListener("pointermove", function (event) {
    if (!from) return;
    const to = place(event);
    fields[0].value = Math.min(from.x, to.x);
    fields[1].value = Math.min(from.y, to.y);
    fields[2].value = Math.abs(to.x - from.x);
    fields[3].value = Math.abs(to.y - from.y);
    show();
  });
  area.addEventListener("pointerup", function () { from = null; });
  fields.forEach(function (field) { field.addEventListener("input", show); });
  window.addEventListener("resize", show);
  if (picture.complete) show(); else picture.addEventListener("load", show);
})();
