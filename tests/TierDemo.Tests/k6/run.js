// node run.js SCRIPT ITERATIONS: runs a script's default function that often and prints what it did, as JSON.
globalThis.__ENV = process.env;
const [script, iterations] = process.argv.slice(2);
const { default: iteration, options } = await import(`./${script}`);
for (let i = 0; i < Number(iterations); i++) {
  iteration();
}
const { failed } = await import('k6');
const { sent } = await import('k6/http');
const { rates } = await import('k6/metrics');
console.log(JSON.stringify({ failed, sent: [...new Set(sent)], hits: rates.cache_hits, thresholds: Object.keys(options.thresholds) }));
