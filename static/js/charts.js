// The traffic chart: stacked bars of attempts by outcome. Its figures stand in the page as JSON,
// inside the part that HTMX replaces, so a new swap is a new drawing of the same chart.
(() => {
  const tones = { accepted: "good", deferred: "wait", refused: "bad", uncertain: "calm" };

  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Half hours from label to label; a telephone has room for five labels, a desk for thirteen.
  const every = (count) => (count - 1) / (window.innerWidth < 640 ? 4 : 12);

  const option = (figures) => ({
    animation: false,
    title: {
      show: Boolean(figures.empty),
      text: figures.empty,
      left: "center",
      top: "middle",
      textStyle: { color: colour("--h-muted"), fontSize: 14, fontWeight: "normal" },
    },
    aria: { enabled: true, decal: { show: false } },
    grid: { left: 8, right: 8, top: 36, bottom: 4, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 12, itemHeight: 12, textStyle: { color: colour("--h-ink") } },
    // Rich text: the other kind writes style attributes, which the page's policy forbids.
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      axisPointer: { type: "shadow" },
      backgroundColor: colour("--h-surface"),
      borderColor: colour("--h-line"),
      textStyle: { color: colour("--h-ink") },
    },
    xAxis: {
      type: "category",
      data: figures.labels,
      axisLabel: {
        color: colour("--h-muted"),
        // Counted from the end: the first and the current half hour always have their label.
        interval: (index) => (figures.labels.length - 1 - index) % every(figures.labels.length) === 0,
        alignMinLabel: "left",
        alignMaxLabel: "right",
      },
      axisLine: { lineStyle: { color: colour("--h-line") } },
      axisTick: { show: false },
    },
    yAxis: {
      type: "value",
      minInterval: 1,
      axisLabel: { color: colour("--h-muted") },
      splitLine: { lineStyle: { color: colour("--h-line") } },
    },
    series: figures.series.map((line) => ({
      name: line.name,
      type: "bar",
      stack: "attempts",
      barCategoryGap: "20%",
      barMaxWidth: 28,
      itemStyle: { color: colour(`--h-${tones[line.code]}-line`) },
      data: line.data,
    })),
  });

  const draw = () => {
    const place = document.getElementById("traffic");
    const figures = document.getElementById("traffic-figures");
    if (!place || !figures) return;
    const chart = echarts.getInstanceByDom(place) || echarts.init(place, null, { renderer: "canvas" });
    chart.setOption(option(JSON.parse(figures.textContent)));
  };

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("htmx:afterSwap", draw);
  window.addEventListener("resize", () => {
    const place = document.getElementById("traffic");
    if (!place) return;
    echarts.getInstanceByDom(place)?.resize();
    draw();
  });
})();
