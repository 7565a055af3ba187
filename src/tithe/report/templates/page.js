"use strict";
(() => {
  const night = window.matchMedia("(prefers-color-scheme: dark)");
  const dark = JSON.parse(document.getElementById("dark-colours").textContent);
  const narrow = window.matchMedia("(max-width: 600px)");

  // Every colour in a figure is a light one; at night each gives way to its double.
  const recoloured = (value) => {
    if (typeof value === "string") return dark[value] || value;
    if (Array.isArray(value)) return value.map(recoloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recoloured(item)]));
  };

  const apply = (key, figure, index) => {
    const view = figure.views[index];
    if (view) Plotly.update(`${key}-plot`, view.traces, view.layout);
  };

  const draw = (element) => {
    const key = element.dataset.figure;
    const content = JSON.parse(element.textContent);
    const figure = night.matches ? recoloured(content) : content;
    const config = { displaylogo: false, displayModeBar: false, doubleClick: false };
    if (narrow.matches) {
      figure.layout.font.size = 12;
      figure.layout.legend.font = { size: 11 };
    }
    Plotly.react(`${key}-plot`, figure.data, figure.layout, config);
    const choice = document.querySelector(`input[name="${key}-view"]:checked`);
    if (choice) apply(key, content, Number(choice.value));
  };

  const drawAll = () => document.querySelectorAll("script[data-figure]").forEach(draw);
  document.addEventListener("change", (event) => {
    const plot = event.target.closest("fieldset.views")?.dataset.plot;
    const element = plot && document.querySelector(`script[data-figure="${plot}"]`);
    if (element) apply(plot, JSON.parse(element.textContent), Number(event.target.value));
  });
  night.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  drawAll();

  // The width of its box decides, whatever changed it: the window, a turned phone, a print.
  const watcher = new ResizeObserver((entries) =>
    entries.forEach((entry) => Plotly.Plots.resize(entry.target)));
  const watch = () => document.querySelectorAll(".plot").forEach((box) => watcher.observe(box));
  watch();
  document.addEventListener("renewed", () => { drawAll(); watch(); });
})();
