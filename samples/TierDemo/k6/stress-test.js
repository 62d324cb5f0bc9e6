// The guide's stress test: push until it breaks. k6 run --env BASE_URL=http://localhost:3000 [--env MAX_VUS=1000] k6/stress-test.js
// Traffic and cache_hits are those of load-test.js. Write down the VUs at which it stopped: that is the break point.
import traffic from './load-test.js';

const MAX_VUS = Number(__ENV.MAX_VUS || 200);
const share = (part) => Math.max(1, Math.round(MAX_VUS * part));

export const options = {
  stages: [
    { duration: '20s', target: share(0.05) },
    { duration: '20s', target: share(0.15) },
    { duration: '20s', target: share(0.3) },
    { duration: '20s', target: share(0.5) },
    { duration: '20s', target: share(0.75) },
    { duration: '20s', target: MAX_VUS },
    { duration: '10s', target: 0 },
  ],
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
  thresholds: {
    http_req_duration: [{ threshold: 'p(99)<500', abortOnFail: true, delayAbortEval: '10s' }],
    http_req_failed: [{ threshold: 'rate<0.01', abortOnFail: true, delayAbortEval: '10s' }],
  },
};

export default traffic;
