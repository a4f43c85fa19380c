/** What one answered request counts as. */
export interface RequestFacts {
  readonly method: string;
  /** The kind of thing that the path names; never a name itself, of which there may be any number. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface Metrics {
  begin(): void;
  end(request: RequestFacts): void;
  collected(report: { readonly blobs: number; readonly bytes: number }): void;
  /** Prometheus' text format 0.0.4. */
  format(): string;
}

const bucketSeconds = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

interface Histogram {
  readonly buckets: number[];
  sum: number;
  count: number;
}

export function createMetrics(): Metrics {
  const requests = new Map<string, number>();
  const durations = new Map<string, Histogram>();
  const totals = { active: 0, received: 0, sent: 0, collections: 0, collectedBlobs: 0, collectedBytes: 0 };
  return {
    begin: () => void (totals.active += 1),
    end({ method, route, status, seconds, receivedBytes, sentBytes }) {
      totals.active -= 1;
      totals.received += receivedBytes;
      totals.sent += sentBytes;
      const labels = `method="${method}",route="${route}",code="${status}"`;
      requests.set(labels, (requests.get(labels) ?? 0) + 1);
      observe(durations, `method="${method}",route="${route}"`, seconds);
    },
    collected({ blobs, bytes }) {
      totals.collections += 1;
      totals.collectedBlobs += blobs;
      totals.collectedBytes += bytes;
    },
    format: () => `${[...formatRequests(requests, durations), ...formatTotals(totals)].join('\n')}\n`,
  };
}

function observe(durations: Map<string, Histogram>, labels: string, seconds: number): void {
  const histogram = durations.get(labels) ?? { buckets: bucketSeconds.map(() => 0), sum: 0, count: 0 };
  durations.set(labels, histogram);
  for (const [index, limit] of bucketSeconds.entries())
    if (seconds <= limit) histogram.buckets[index] = (histogram.buckets[index] ?? 0) + 1;
  histogram.sum += seconds;
  histogram.count += 1;
}

function formatRequests(requests: ReadonlyMap<string, number>, durations: ReadonlyMap<string, Histogram>): string[] {
  const lines = ['# HELP orlop_registry_requests_total Requests answered.', '# TYPE orlop_registry_requests_total counter'];
  for (const [labels, count] of requests) lines.push(`orlop_registry_requests_total{${labels}} ${count}`);
  const name = 'orlop_registry_request_duration_seconds';
  lines.push(`# HELP ${name} From the first byte of a request to the last of its answer.`, `# TYPE ${name} histogram`);
  for (const [labels, { buckets, sum, count }] of durations) {
    for (const [index, limit] of bucketSeconds.entries()) lines.push(`${name}_bucket{${labels},le="${limit}"} ${buckets[index]}`);
    lines.push(`${name}_bucket{${labels},le="+Inf"} ${count}`, `${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${count}`);
  }
  return lines;
}

function formatTotals(
  totals: Readonly<Record<'active' | 'received' | 'sent' | 'collections' | 'collectedBlobs' | 'collectedBytes', number>>,
): string[] {
  const metric = (name: string, type: string, help: string, value: number): string[] => [
    `# HELP orlop_registry_${name} ${help}`,
    `# TYPE orlop_registry_${name} ${type}`,
    `orlop_registry_${name} ${value}`,
  ];
  return [
    ...metric('requests_in_flight', 'gauge', 'Requests being answered.', totals.active),
    ...metric('received_bytes_total', 'counter', 'Bytes of requests.', totals.received),
    ...metric('sent_bytes_total', 'counter', 'Bytes of answers.', totals.sent),
    ...metric('collections_total', 'counter', 'Garbage collections.', totals.collections),
    ...metric('collected_blobs_total', 'counter', 'Blobs removed by garbage collection.', totals.collectedBlobs),
    ...metric('collected_bytes_total', 'counter', 'Bytes removed by garbage collection.', totals.collectedBytes),
  ];
}
