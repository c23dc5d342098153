"use strict";
const find = (id) => document.getElementById(id);
const base = new URL(".", location.href).href.replace(/\/$/, "");
for (const code of document.querySelectorAll(".program code")) {
  code.textContent = code.textContent.replaceAll(document.body.dataset.base, base);
}

const request = find("request");
const chosen = () => document.querySelector("input[name=protocol]:checked");
const example = () => find("example-" + chosen().value);

function restore() {
  request.value = example().value;
  find("route").textContent = "POST /" + example().dataset.path;
  for (const program of document.querySelectorAll(".program")) program.hidden = program.dataset.protocol !== chosen().value;
}

function element(name, text) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  return element;
}

function say(text, good) {
  find("status").textContent = text;
  find("status").className = good ? "good" : "bad";
}

function tell(document) {
  const rows = Array.isArray(document.rows) ? document.rows.slice(0, 20) : [];
  for (const row of rows) {
    if (row.prediction === undefined) continue;
    const box = element("div");
    box.className = "told";
    box.append(element("strong", typeof row.prediction === "string" ? row.prediction : JSON.stringify(row.prediction)));
    const sure = row.probabilities;
    if (sure && !Array.isArray(sure)) {
      const list = element("dl");
      const best = Object.entries(sure).sort((a, b) => b[1] - a[1]).slice(0, 10);
      for (const [label, share] of best) {
        const bar = element("meter");
        bar.max = 1;
        bar.value = share;
        bar.setAttribute("aria-label", label);
        const middle = element("dd");
        middle.append(bar);
        list.append(element("dt", label), middle, element("dd", (100 * share).toFixed(1) + " %"));
      }
      box.append(list);
    }
    find("told").append(box);
  }
}

async function send(event) {
  event.preventDefault();
  const button = event.submitter || find("form").querySelector("button");
  const answer = find("answer").firstElementChild;
  button.disabled = true;
  find("told").replaceChildren();
  say("waiting …", true);
  const begun = performance.now();
  try {
    const reply = await fetch(base + "/" + example().dataset.path, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: request.value,
    });
    const text = await reply.text();
    say(reply.status + " in " + (performance.now() - begun).toFixed(1) + " ms", reply.ok);
    try {
      const document = JSON.parse(text);
      answer.textContent = JSON.stringify(document, null, 2);
      if (reply.ok) tell(document);
    } catch {
      answer.textContent = text;
    }
  } catch (error) {
    say("no answer", false);
    answer.textContent = String(error);
  }
  button.disabled = false;
}

async function ready() {
  let word = "no answer";
  let good = false;
  try {
    good = (await fetch(base + "/v2/health/ready")).ok;
    word = good ? "ready" : "not ready";
  } catch { /* said already */ }
  find("state").textContent = word;
  find("state").className = good ? "good" : "bad";
}

for (const choice of document.querySelectorAll("input[name=protocol]")) choice.addEventListener("change", restore);
find("restore").addEventListener("click", restore);
find("form").addEventListener("submit", send);
find("form").hidden = false;
restore();
ready();
