import type { BuildRecordView } from '#wire';
import type { BuildkitBackend } from './backend.ts';
import { type GrpcMethod, streamed, unary } from './grpc/serve.ts';
import { emptyType, historyEventType, historyRequestType, timestampOf, updateHistoryRequestType } from './messages/control.ts';
import { refused } from './solve/attributes.ts';

const service = '/moby.buildkit.v1.Control';
/** BuildHistoryEventType of BuildKit's. */
const eventTypes = { started: 0, complete: 1 } as const;
/** Builds of our own clients. BuildKit's clients give theirs ids of their own, and know by these which directory and which file it was. */
const ownId = /^[0-9a-f]{32}$/;
/** google.rpc.Code UNKNOWN, which failures of builds have. */
const unknown = 2;

/** Builds that were, newest first, as `docker buildx history ls` and `rm` ask for them. `logs` asks for a build's status once more. What a build was asked and what it came from are not kept: `inspect` says so little. */
export function historyMethods({ builds }: BuildkitBackend): [string, GrpcMethod][] {
  return [
    [
      `${service}/ListenBuildHistory`,
      streamed(historyRequestType, historyEventType, async function* ({ activeOnly, ref, earlyExit, filter, limit }) {
        // Who wants to hear of what is to come holds the connection for it; nobody does who lists.
        if (!earlyExit) throw refused('a history of builds that is followed', 'list it: docker buildx history ls');
        if (filter.length > 0) throw refused(`the filter ${JSON.stringify(filter)} of builds`, 'leave it out');
        const found = builds
          .history()
          .filter(({ id, status }) => (ref === '' || id === ref) && (!activeOnly || status === 'running'))
          .slice(0, limit > 0 ? limit : undefined);
        for (const record of found) {
          const type = record.status === 'running' ? eventTypes.started : eventTypes.complete;
          yield { type, record: recordOf(record) };
        }
      }),
    ],
    [
      `${service}/UpdateBuildHistory`,
      unary(updateHistoryRequestType, emptyType, ({ ref, pinned, isDeleted }) => {
        if (pinned) throw refused('keeping a build in the history', 'the last 200 are kept');
        if (isDeleted) builds.forget([ref]);
        return {};
      }),
    ],
  ];
}

function recordOf({
  id,
  name,
  startedMs,
  endedMs,
  error,
  imageId,
  steps,
}: BuildRecordView): Parameters<typeof historyEventType.encode>[0]['record'] {
  const done = steps.filter((step) => step.endedMs > 0);
  return {
    ref: id,
    frontend: 'dockerfile.v0',
    attributes: ownId.test(id) ? { filename: name } : {},
    createdAt: timestampOf(startedMs),
    completedAt: endedMs === 0 ? undefined : timestampOf(endedMs),
    error: error === '' ? undefined : { code: unknown, message: error },
    exporterResponse: imageId === '' ? {} : { 'containerimage.digest': imageId },
    cachedSteps: done.filter(({ cached }) => cached).length,
    totalSteps: steps.length,
    completedSteps: done.length,
  };
}
