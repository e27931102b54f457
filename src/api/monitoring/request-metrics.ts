import type { Middleware } from 'koa';
import { Gauge, Histogram, Registry } from 'prom-client';
import { matchedRoute } from '../http/routes.ts';

/** Seconds. A read takes 1 ms, an upload minutes. */
const BUCKETS_S = [0.002, 0.005, 0.015, 0.05, 0.15, 0.5, 1.5, 5, 15, 60];
/** What no client can make more of: HTTP knows some forty methods. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS']);
/** The label of a request that matched no route. Its path is the client's, of which there may be any number. */
const NO_ROUTE = 'none';

/** Counts and times the requests of this process, by the template of their route. */
export class RequestMetrics {
  readonly registry = new Registry();
  readonly #durations = new Histogram({
    name: 'mtm_http_request_duration_seconds',
    help: 'Time from the headers of a request until its answer begins, by route, method and class of the status',
    labelNames: ['route', 'method', 'status'],
    buckets: BUCKETS_S,
    registers: [this.registry],
  });
  #open = 0;

  constructor() {
    const open = () => this.#open;
    new Gauge({
      name: 'mtm_http_requests_in_progress',
      help: 'Requests of which the answer has not begun',
      registers: [this.registry],
      collect() {
        this.set(open());
      },
    });
  }

  /** To be used before all else, so that refusals and failures count as well. */
  readonly middleware: Middleware = async (ctx, next) => {
    const fromMs = performance.now();
    this.#open += 1;
    try {
      await next();
    } finally {
      this.#open -= 1;
      const route = matchedRoute(ctx) ?? NO_ROUTE;
      const method = METHODS.has(ctx.method) ? ctx.method : 'other';
      const status = `${Math.floor(ctx.status / 100)}xx`;
      this.#durations.observe({ route, method, status }, (performance.now() - fromMs) / 1000);
    }
  };
}
