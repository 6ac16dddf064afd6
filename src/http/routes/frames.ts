/** Kafka's frames: the door of the client's `https://` connection. */

import { mediaTypeOf } from '../body.ts'
import type { FramesDoor } from '../frames.ts'
import type { Route } from '../route.ts'

export function frameRoutes(door: FramesDoor): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/frames/{node}',
      id: 'exchangeFrames',
      tag: 'frames',
      summary:
        "Requests of Kafka's protocol to a node, by its number or `any`: `new Client('https://…')` speaks so.",
      body: {
        description: 'Request frames, each with its length before it, begun in order.',
        required: true,
        content: { 'application/octet-stream': {} },
      },
      answers: {
        200: {
          description:
            'The response frames, in the order of the requests. Empty frames among them only say that the service is there.',
          content: { 'application/octet-stream': {} },
        },
      },
      serve({ request, params, session, signal }) {
        mediaTypeOf(request, ['application/octet-stream'])
        return door.serve(request, params.node!, session, signal)
      },
    },
  ]
}
