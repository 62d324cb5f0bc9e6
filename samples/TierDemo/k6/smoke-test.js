// The guide's smoke test: does it work at all? k6 run --vus 3 --duration 30s k6/smoke-test.js
import http from 'k6/http';
import { check, sleep } from 'k6';
import { Rate } from 'k6/metrics';

const BASE_URL = __ENV.BASE_URL || 'http://localhost:3000';
const cacheHits = new Rate('cache_hits');

export const options = {
  vus: 3,
  duration: '30s',
  thresholds: {
    http_req_duration: ['p(99)<100'],
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
  },
};

export default function () {
  const health = http.get(`${BASE_URL}/health`);
  check(health, { 'health is 200': (r) => r.status === 200 });

  const list = http.get(`${BASE_URL}/api/users?limit=20`);
  check(list, { 'the list has 20 users': (r) => r.status === 200 && r.json('data').length === 20 });

  const user = http.get(`${BASE_URL}/api/users/1`);
  check(user, { 'user 1 is user 1': (r) => r.status === 200 && r.json('id') === 1 });
  const cache = user.headers['X-Cache'];
  if (cache) {
    cacheHits.add(cache === 'HIT');
  }

  const created = http.post(`${BASE_URL}/api/users`, JSON.stringify({ name: 'Test User', email: 'test@batch.com' }), {
    headers: { 'content-type': 'application/json' },
  });
  check(created, { 'a user is created': (r) => r.status >= 200 && r.status < 300 });
  sleep(0.3); // 4 requests per 0.3 s and user: about the guide's 30 to 50 req/s
}
