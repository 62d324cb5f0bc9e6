// The guide's load test: k6 run --vus 20 --duration 2m --env BASE_URL=http://localhost:3000 k6/load-test.js
// The same mix as GuideTraffic.cs: of 100 requests 60 read one user, 20 the first page, 10 a deep page, 10 create a user.
import http from 'k6/http';
import { check, sleep } from 'k6';
import { Rate } from 'k6/metrics';

const BASE_URL = __ENV.BASE_URL || 'http://localhost:3000';
const USERS = Number(__ENV.USERS || 10000);
const P99 = __ENV.P99 || '100';      // ms; the guide: 100 on tier 1, 50 on tier 2
const THINK = Number(__ENV.THINK || 0.01); // s; "minimal think time"

const cacheHits = new Rate('cache_hits');
const JSON_BODY = JSON.stringify({ name: 'Test User', email: 'test@batch.com' });
const JSON_HEADERS = { headers: { 'content-type': 'application/json' } };

export const options = {
  vus: 20,
  duration: '30s',
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
  thresholds: {
    http_req_duration: [`p(99)<${P99}`],
    http_req_failed: ['rate==0'],
  },
};

const anyUser = () => 1 + Math.floor(Math.random() * USERS);

function send() {
  const point = Math.random() * 100;
  if (point < 60) {
    return http.get(`${BASE_URL}/api/users/${anyUser()}`, { tags: { name: 'user' } });
  }
  if (point < 80) {
    return http.get(`${BASE_URL}/api/users?limit=20`, { tags: { name: 'first page' } });
  }
  if (point < 90) {
    return http.get(`${BASE_URL}/api/users?cursor=${anyUser()}&limit=20`, { tags: { name: 'deep page' } });
  }
  return http.post(`${BASE_URL}/api/users`, JSON_BODY, { ...JSON_HEADERS, tags: { name: 'create' } });
}

export default function () {
  const response = send();
  check(response, { 'status is 2xx': (r) => r.status >= 200 && r.status < 300 });
  const cache = response.headers['X-Cache']; // k6 writes header names in canonical case
  if (cache) {
    cacheHits.add(cache === 'HIT');
  }
  sleep(THINK);
}
