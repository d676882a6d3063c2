// Dropping or pasting a picture puts it into the form's own field; what is sent is the form, as without a script.
"use strict";

(function () {
  document.documentElement.classList.add("scripted");
  const place = document.querySelector("[data-drop]");
  if (!place) return;
  const field = document.getElementById("picture");
  const link = document.getElementById("link");
  const told = place.querySelector(".dropped");

  function take(files) {
    const picture = Array.from(files).find(function (file) { return file.type.startsWith("image/"); });
    if (!picture) {
      told.textContent = told.dataset.not;
      return false;
    }
    const list = new DataTransfer();
    list.items.add(picture);
    field.files = list.files;
    told.textContent = told.dataset.took + " " + picture.name;
    return true;
  }
  ["dragenter", "dragover"].forEach(function (kind) {
    place.addEventListener(kind, function (event) { event.preventDefault(); place.classList.add("over"); });
  });
  ["dragleave", "drop"].forEach(function (kind) {
    place.addEventListener(kind, function () { place.classList.remove("over"); });
  });
  place.addEventListener("drop", function (event) {
    event.preventDefault();
    const text = event.dataTransfer.getData("text/uri-list") || event.dataTransfer.getData("text/plain");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files);
    else if (/^https?:\/\//i.test(text.trim())) link.value = text.trim().split("\n")[0].trim();
  });
  document.addEventListener("paste", function (event) {
    if (event.clipboardData && event.clipboardData.files.length) {
      if (take(event.clipboardData.files)) event.preventDefault();
      return;
    }
    const text = event.clipboardData ? event.clipboardData.getData("text").trim() : "";
    if (/^https?:\/\//i.test(text) && event.target.tagName !== "INPUT") link.value = text.split("\n")[0].trim();
  });
})();
