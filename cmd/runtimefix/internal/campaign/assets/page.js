"use strict";
const byId = id => document.getElementById(id);
const make = (tag, props = {}, ...children) => {
	const n = Object.assign(document.createElement(tag), props);
	n.append(...children);
	return n;
};
const PAGE = 100;
const state = { tab: "shapes", shown: PAGE };
const counts = (list, key) => list.reduce((m, x) => m.set(key(x), (m.get(key(x)) || 0) + 1), new Map());
const sorted = m => [...m.entries()].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
const plural = (n, word) => n.toLocaleString("en") + " " + word + (n === 1 ? "" : "s");

// The text that the search looks at, made once.
const haystack = report.findings.map(f => [report.repositories[f.repository].name, f.path, f.rule, f.message, f.text].join("\n").toLowerCase());

function totals() {
	const of = s => report.findings.filter(f => f.state === s).length;
	for (const [name, n] of [["Repositories", report.repositories.length], ["Fixed", of("fixed")], ["Left", of("left")], ["Rolled back", of("rolled back")], ["Patches", report.patches.length], ["Shapes", report.shapes.length]]) {
		byId("totals").append(make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: n.toLocaleString("en") })));
	}
}

function options() {
	const fill = (id, values) => values.forEach(v => byId(id).append(make("option", { value: v, textContent: v })));
	fill("rule", sorted(counts(report.findings, f => f.rule)).map(e => e[0]));
	fill("state", ["fixed", "left", "rolled back"]);
	fill("safety", [...new Set(report.findings.map(f => f.safety).filter(Boolean))].sort());
	fill("owner", [...new Set(report.findings.flatMap(f => f.owners || []))].sort());
}

function charts() {
	const style = getComputedStyle(document.documentElement), color = name => style.getPropertyValue(name).trim();
	Chart.defaults.color = color("--soft");
	Chart.defaults.borderColor = color("--line");
	Chart.defaults.animation = false;
	Chart.defaults.datasets.bar.maxBarThickness = 48;
	const names = sorted(counts(report.findings, f => f.rule)).map(e => e[0]);
	const series = (label, c) => ({ label, backgroundColor: color(c), data: names.map(r => report.findings.filter(f => f.rule === r && f.state === label).length) });
	new Chart(byId("by-rule"), {
		type: "bar", data: { labels: names, datasets: [series("fixed", "--fixed"), series("left", "--left"), series("rolled back", "--back")] },
		options: { indexAxis: "y", maintainAspectRatio: false, scales: { x: { stacked: true, ticks: { precision: 0 } }, y: { stacked: true } } },
	});
	const outcomes = sorted(counts(report.repositories, r => r.outcome));
	new Chart(byId("by-outcome"), {
		type: "bar", data: { labels: outcomes.map(e => e[0]), datasets: [{ label: "repositories", data: outcomes.map(e => e[1]), backgroundColor: color("--accent") }] },
		options: { maintainAspectRatio: false, plugins: { legend: { display: false } }, scales: { y: { ticks: { precision: 0 } } } },
	});
}

// matching returns the findings that the filters leave.
function matching() {
	const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
	const want = { rule: byId("rule").value, state: byId("state").value, safety: byId("safety").value }, owner = byId("owner").value;
	return report.findings.filter((f, i) => Object.keys(want).every(k => !want[k] || f[k] === want[k]) &&
		(!owner || (f.owners || []).includes(owner)) && words.every(w => haystack[i].includes(w)));
}

const row = (tag, cells) => make("tr", {}, ...cells.map(c => {
	const cell = make(tag, tag === "th" ? { scope: "col" } : {});
	if (typeof c === "number") { cell.className = "n"; cell.textContent = c.toLocaleString("en"); } else cell.append(c);
	return cell;
}));
// Each cell knows its head, which a narrow page shows beside it.
const named = (tr, heads) => { [...tr.children].forEach((td, i) => { td.dataset.head = heads[i]; }); return tr; };
const table = (heads, rows) => make("table", {}, make("thead", {}, row("th", heads)), make("tbody", {}, ...rows.map(r => named(row("td", r), heads))));
const code = text => make("code", { textContent: text });

function highlight(text) {
	const pre = make("pre", { tabIndex: 0 }), c = make("code", { className: "language-diff" });
	c.innerHTML = hljs.highlight(text, { language: "diff" }).value;
	pre.append(c);
	return pre;
}

const filtered = list => list.length !== report.findings.length;

function shapes(list) {
	const files = new Set(list.map(f => f.repository + "\n" + f.path));
	const groups = report.shapes.map(g => ({ rules: g.rules, patches: g.patches.filter(p => !filtered(list) || files.has(report.patches[p].repository + "\n" + report.patches[p].path)) })).filter(g => g.patches.length);
	const nodes = groups.slice(0, state.shown).map(g => {
		const first = report.patches[g.patches[0]], repos = new Set(g.patches.map(p => report.patches[p].repository)).size;
		const d = make("details", { className: "shape" }, make("summary", {}, make("strong", { textContent: plural(g.patches.length, "patch").replace("patchs", "patches") }), " in " + plural(repos, "repository").replace("repositorys", "repositories") + ": " + (g.rules.join(", ") || "other files") + (g.patches.length === 1 ? ", an outlier" : "")));
		d.append(highlight(first.text));
		let filled = false;
		d.addEventListener("toggle", () => {
			if (filled) return;
			filled = true;
			for (const p of g.patches) {
				const patch = report.patches[p], inner = make("details", { className: "patch" }, make("summary", {}, report.repositories[patch.repository].name + " ", code(patch.path)));
				inner.addEventListener("toggle", () => { if (inner.children.length === 1) inner.append(highlight(patch.text)); });
				d.append(inner);
			}
		});
		return d;
	});
	return { nodes, total: groups.length, word: "shape" };
}

function findings(list) {
	const rows = list.slice(0, state.shown).map(f => [
		make("span", { className: "state " + f.state, textContent: f.state }), f.rule, report.repositories[f.repository].name, code(f.path + ":" + f.line),
		make("span", {}, f.message, make("br"), make("span", { className: "soft", textContent: f.text + (f.safety ? " (" + f.safety + ")" : "") })), (f.owners || []).join(" "),
	]);
	return { nodes: [table(["State", "Rule", "Repository", "Place", "What", "Owner"], rows)], total: list.length, word: "finding" };
}

function repositories(list) {
	const seen = new Set(list.map(f => f.repository));
	const repos = report.repositories.filter((r, i) => !filtered(list) || seen.has(i));
	const rows = repos.slice(0, state.shown).map(r => [r.name, r.outcome, r.fixed, r.left, r.rolledBack, r.verified, [...(r.tests || []), ...(r.brokenBefore || []).map(b => "broken before: " + b), ...(r.problems || [])].join("; ")]);
	return { nodes: [table(["Repository", "Outcome", "Fixed", "Left", "Rolled back", "Verified", "Remarks"], rows)], total: repos.length, word: "repository" };
}

// by counts findings by what keys says of each, which may be several names.
function by(list, keys, head, word) {
	const totals = new Map();
	for (const f of list) for (const k of keys(f)) {
		if (!totals.has(k)) totals.set(k, { fixed: 0, left: 0, "rolled back": 0, all: 0 });
		totals.get(k)[f.state]++;
		totals.get(k).all++;
	}
	const rows = [...totals].sort((a, b) => b[1].all - a[1].all || (a[0] < b[0] ? -1 : 1));
	return { nodes: [table([head, "Fixed", "Left", "Rolled back"], rows.slice(0, state.shown).map(([k, n]) => [k, n.fixed, n.left, n["rolled back"]]))], total: rows.length, word };
}
const rules = list => by(list, f => [f.rule], "Rule", "rule");
const safeties = list => by(list, f => [f.safety || "no fix"], "Safety", "kind of safety");
const owners = list => by(list, f => f.owners && f.owners.length ? f.owners : ["nobody"], "Owner", "owner");

const views = { shapes, findings, repositories, rules, safeties, owners };

function draw() {
	const { nodes, total, word } = views[state.tab](matching());
	byId("panel").replaceChildren(...nodes);
	byId("panel").setAttribute("aria-labelledby", "tab-" + state.tab);
	byId("count").textContent = plural(total, word).replace("repositorys", "repositories").replace("kind of safetys", "kinds of safety") + (total > state.shown ? ", the first " + state.shown + " shown" : "");
	byId("more").hidden = total <= state.shown;
}

function choose(tab) {
	state.tab = tab;
	state.shown = PAGE;
	for (const b of document.querySelectorAll("[role=tab]")) {
		const on = b.id === "tab-" + tab;
		b.setAttribute("aria-selected", on);
		b.tabIndex = on ? 0 : -1;
	}
	draw();
}

totals();
options();
charts();
byId("filters").addEventListener("input", () => { state.shown = PAGE; draw(); });
byId("filters").addEventListener("submit", e => e.preventDefault());
byId("more").addEventListener("click", () => { state.shown += PAGE; draw(); });
const tabs = [...document.querySelectorAll("[role=tab]")];
tabs.forEach((b, i) => {
	b.addEventListener("click", () => choose(b.id.slice(4)));
	b.addEventListener("keydown", e => {
		const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[e.key];
		if (to === undefined) return;
		const next = tabs[(to + tabs.length) % tabs.length];
		next.focus();
		choose(next.id.slice(4));
	});
});
choose(views[location.hash.slice(1)] ? location.hash.slice(1) : "shapes");
document.documentElement.dataset.ready = "yes";
