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
    Plotly.newPlot(`${key}-plot`, figure.data, figure.layout, config);
    const choice = document.querySelector(`input[name="${key}-view"]:checked`);
    if (choice) apply(key, content, Number(choice.value));
  };

  const elements = [...document.querySelectorAll("script[data-figure]")];
  const drawAll = () => elements.forEach(draw);
  for (const element of elements) {
    const key = element.dataset.figure;
    for (const input of document.querySelectorAll(`input[name="${key}-view"]`)) {
      input.addEventListener("change", () =>
        apply(key, JSON.parse(element.textContent), Number(input.value)));
    }
  }
  night.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  drawAll();

  // The width of its box decides, whatever changed it: the window, a turned phone, a print.
  const watcher = new ResizeObserver((entries) =>
    entries.forEach((entry) => Plotly.Plots.resize(entry.target)));
  document.querySelectorAll(".plot").forEach((box) => watcher.observe(box));
})();
