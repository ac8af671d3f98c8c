/** The report's style sheet: light, dark and printed; from the width of a phone on. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fcfcfb; --card: #ffffff; --ink: #1d2126; --quiet: #5d6670; --line: #dfe2e5; --shade: #f1f3f4;
  --safe: #26764f; --controversial: #97650a; --unsafe: #b3303f; --link: #245a9c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181b; --card: #1c2024; --ink: #e6e9ec; --quiet: #9aa4ae; --line: #333a41; --shade: #262b30;
    --safe: #6cc598; --controversial: #e0b054; --unsafe: #f08a94; --link: #8ab8ee;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 4rem; max-width: 72rem;
  background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
}
h1 { font-size: clamp(1.35rem, 4vw, 1.9rem); line-height: 1.2; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .7rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .5rem; }
p { margin: .4rem 0; max-width: 46rem; }
.quiet, figcaption, caption { color: var(--quiet); font-size: .875rem; }
.notice { border-left: .25rem solid var(--controversial); background: var(--shade); padding: .6rem .9rem; margin: 1rem 0; }
.notice.bad { border-color: var(--unsafe); }
.tiles { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 10.5rem), 1fr)); margin: 1.2rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem .95rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: var(--quiet); font-size: .875rem; display: block; }
.plots { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); margin: .8rem 0; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem; min-width: 0; break-inside: avoid; }
figure svg { display: block; width: 100%; max-width: 30rem; height: auto; margin: .3rem auto 0; }
figure svg text { fill: currentColor; }
.scroll { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .925rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .3rem .8rem .3rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 8rem; overflow-wrap: anywhere; }
td.text { text-align: left; white-space: normal; min-width: 14rem; }
thead th { color: var(--quiet); font-weight: 500; white-space: normal; vertical-align: bottom; max-width: 7.5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .6rem 0; font-size: .925rem; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
details { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }
summary { cursor: pointer; padding: .55rem .9rem; overflow-wrap: anywhere; }
details > :not(summary) { margin: .4rem .9rem .9rem; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; border-left: .2rem solid var(--line); padding-left: .8rem; margin: .5rem .9rem; }
.said b { display: block; font-size: .8rem; color: var(--quiet); font-weight: 500; }
.safe { color: var(--safe); } .controversial { color: var(--controversial); } .unsafe { color: var(--unsafe); }
.tokens span { border-radius: .15rem; }
.tokens .unsafe { background: color-mix(in srgb, var(--unsafe) 16%, transparent); }
.tokens .controversial { background: color-mix(in srgb, var(--controversial) 16%, transparent); }
a { color: var(--link); }
nav { font-size: .925rem; margin: .8rem 0 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
@media (max-width: 34rem) {
  dl { grid-template-columns: 1fr; gap: 0; } dt { margin-top: .4rem; }
  th, td { padding-right: .6rem; }
}
@media print {
  :root {
    color-scheme: light; font-size: 10.5px;
    --page: #fff; --card: #fff; --ink: #000; --quiet: #444; --line: #bbb; --shade: #f4f4f4;
    --safe: #26764f; --controversial: #97650a; --unsafe: #b3303f;
  }
  body { font-size: 1.05rem; max-width: none; padding: 0; } nav { display: none; } .plots { grid-template-columns: 1fr 1fr; }
  th, td { padding-right: .5rem; } th:first-child, td:first-child { min-width: 6rem; }
  h2 { break-after: avoid; } .scroll { overflow: visible; } details:not([open]) { break-inside: avoid; }
}
`
