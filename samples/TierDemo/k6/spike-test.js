// The guide's spike test: a sudden burst, then back. k6 run --env BASE_URL=http://localhost:3000 [--env SPIKE_VUS=500] k6/spike-test.js
// Traffic and cache_hits are those of load-test.js.
import traffic from './load-test.js';

const SPIKE_VUS = Number(__ENV.SPIKE_VUS || 300);
const CALM_VUS = 10;

export const options = {
  stages: [
    { duration: '10s', target: CALM_VUS },
    { duration: '2s', target: SPIKE_VUS },
    { duration: '20s', target: SPIKE_VUS },
    { duration: '2s', target: CALM_VUS },
    { duration: '20s', target: CALM_VUS },
    { duration: '5s', target: 0 },
  ],
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
  thresholds: {
    http_req_duration: ['p(99)<1000'], // the guide sees about 300 ms during the burst on tier 2
    http_req_failed: ['rate<0.01'],
  },
};

export default traffic;
