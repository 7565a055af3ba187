"use strict";
(() => {
  const milliseconds = 3000;
  const kept = "header, main";

  // What the reader opened or chose stays so; a picture is redrawn in the box that it has.
  const renew = (fresh) => {
    const opened = [...document.querySelectorAll("details")].map((each) => each.open);
    fresh.querySelectorAll("details").forEach((each, index) => { each.open = opened[index] || false; });
    for (const chosen of document.querySelectorAll("fieldset.views input:checked")) {
      const same = fresh.querySelector(`input[name="${chosen.name}"][value="${chosen.value}"]`);
      if (same) same.setAttribute("checked", "");
      for (const other of fresh.querySelectorAll(`input[name="${chosen.name}"]`))
        if (other !== same) other.removeAttribute("checked");
    }
    for (const box of document.querySelectorAll(".plot")) {
      const place = fresh.getElementById(box.id);
      if (place) place.replaceWith(box);
    }
    const newer = [...fresh.querySelectorAll(kept)];
    [...document.querySelectorAll(kept)].forEach((old, index) => old.replaceWith(newer[index]));
    document.title = fresh.title;
    document.dispatchEvent(new Event("renewed"));
  };

  const look = async () => {
    try {
      const answer = await fetch("./", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      document.getElementById("away").hidden = false;
    }
    setTimeout(look, milliseconds);
  };
  setTimeout(look, milliseconds);
})();
