"""The style of the summary page: system fonts, light and dark, and fit for paper."""

from typing import Final

STYLE: Final = """
:root{--ink:#16202a;--soft:#5b6875;--line:#dfe5ea;--paper:#fff;--wash:#f4f7f9;--brand:#0f766e;
--brand-soft:#ccebe6;--bad:#b42318;--warn:#b54708;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--ink:#e6ecf1;--soft:#9aa8b5;--line:#2b3742;--paper:#141b22;
--wash:#0d1318;--brand:#2dd4bf;--brand-soft:#134e4a;--bad:#f97066;--warn:#fdb022}}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink);line-height:1.5;
font:15px/1.5 system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",
"Noto Sans SC",sans-serif}
header{background:linear-gradient(135deg,#0b4f4a,#0f766e 60%,#14919b);color:#fff;
padding:44px max(24px,calc((100vw - 1040px)/2)) 40px}
header h1{margin:0 0 6px;font-size:clamp(24px,5vw,34px);overflow-wrap:anywhere;letter-spacing:-.01em;font-weight:650}
header p{margin:0}.eyebrow{letter-spacing:.14em;font-size:12px;opacity:.8;margin-bottom:10px!important}
.span{font-size:17px;font-variant-numeric:tabular-nums}.made{opacity:.75;font-size:13px;margin-top:6px!important}
main{max-width:1088px;margin:0 auto;padding:8px 24px 24px}
section{background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:22px 24px;
margin:18px 0;break-inside:avoid}
h2{font-size:17px;margin:0 0 14px;font-weight:650}
h2 span{font-weight:400;color:var(--soft);font-size:14px;margin-left:10px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:14px}
.card{background:var(--wash);border-radius:12px;padding:16px 18px;display:flex;flex-direction:column}
.card b{font-size:30px;font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.02em;line-height:1.15}
.card span{color:var(--ink)}.card span i{font-style:normal;color:var(--soft);margin-left:6px}
.card small{color:var(--soft);font-variant-numeric:tabular-nums}
.note{color:var(--soft);font-size:13.5px;margin:14px 0 0}.good{margin:0;color:var(--brand)}
.warn{margin:12px 0 0;padding:10px 14px;border-radius:10px;border:1px solid var(--warn);color:var(--warn)}
.days{list-style:none;display:flex;align-items:flex-end;gap:3px;height:132px;margin:0;padding:0;
border-bottom:1px solid var(--line)}
.days li{flex:1;max-width:44px;height:100%;display:flex;align-items:flex-end}
.days i{width:100%;background:var(--brand);border-radius:4px 4px 0 0;display:block;opacity:.85}
.ends{display:flex;justify-content:space-between;color:var(--soft);font-size:12.5px;margin:6px 0 0;
font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;color:var(--soft);font-weight:500;font-size:12.5px;padding:0 10px 8px 0;white-space:nowrap}
td{padding:8px 10px 8px 0;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
td.num{font-variant-numeric:tabular-nums;white-space:nowrap;color:var(--soft)}
td:last-child.num{text-align:right;color:var(--ink)}
tr.minor td:first-child{box-shadow:inset 3px 0 var(--warn);padding-left:10px}
tr.serious td:first-child{box-shadow:inset 3px 0 var(--bad);padding-left:10px}
tr.ok td:first-child{box-shadow:inset 3px 0 var(--line);padding-left:10px}
.tags td.bar{width:32%;vertical-align:middle}.tags td.bar i{display:block;height:8px;border-radius:4px;
background:var(--brand);min-width:2px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:0 18px;align-items:start}
code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Noto Sans Mono CJK SC",monospace;font-size:12.5px}
td code{color:var(--soft)}td.who{min-width:130px}
pre{background:var(--wash);border:1px solid var(--line);border-radius:8px;padding:10px 12px;margin:8px 0 4px;
white-space:pre-wrap;overflow-wrap:anywhere}
.steps{margin:0;padding-left:22px}.steps li{margin-bottom:12px}
footer{text-align:center;color:var(--soft);font-size:12.5px;padding:4px 24px 36px}
@media print{body{background:#fff}header{background:none;color:#000;padding:0 0 12px}section{border:0;padding:8px 0}}
"""
