"use strict";
// What all pages share: the data, elements, times, colours.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

// element("td.at", "text", child): children that are no nodes become text.
function element(kind, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
function fill(target, ...children) { target.replaceChildren(...children.filter((child) => child)); }

const number = (value) => Number(value).toLocaleString("en-US");
// Microseconds as a moment, "12.345 s", cut off there as ksim's own words are, and as a span, "250 ms".
const moment = (us, digits = 3) => (Math.floor(us / 10 ** (6 - digits)) / 10 ** digits).toFixed(digits) + " s";
function span(us) {
  if (us >= 1e6) return (us / 1e6).toFixed(us >= 1e8 ? 0 : us >= 1e7 ? 1 : 2) + " s";
  return us >= 1e4 ? Math.round(us / 1e3) + " ms" : (us / 1e3).toFixed(us >= 1e3 ? 1 : 3) + " ms";
}
function bytes(count) { return count < 1024 ? count + " B" : (count / 1024).toFixed(1) + " KiB"; }
const plural = (count, word) => number(count) + " " + word + (count === 1 ? "" : "s");
function badge(text, mood) { return element("span.badge." + mood, text); }
function tile(label, value, mood) {
  return element("div" + (mood ? "." + mood : ""), element("b", value), element("span", label));
}
// A column of differences to the row before, added up.
function summed(differences) {
  let sum = 0;
  return differences.map((difference) => (sum += difference));
}
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
function copyable(command) {
  const button = element("button", "Copy");
  button.type = "button";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
      button.textContent = "Copied";
    } catch (refused) {
      getSelection().selectAllChildren(button.previousSibling);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return element("div.copy", element("code", command), button);
}
// Long names with dots in them may be broken there.
const breakable = (text) => element("span", ...text.split(/(?<=\.)/).flatMap((part, i) => (i ? [element("wbr"), part] : [part])));
function bars(rows, longest) {
  const list = element("div.bars");
  for (const [name, count] of rows) {
    const bar = element("i");
    bar.style.width = (longest ? 100 * count / longest : 0) + "%";
    list.append(element("span", name), count ? element("span", bar) : element("span"),
      count ? element("span.num", number(count)) : element("span.never", "never"));
  }
  return list;
}
