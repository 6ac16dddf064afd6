/** The frames in the body of an answer. One without content says only that the service is still there. */
import { CorruptDataError } from '../../core/errors.ts'
import { FrameSplitter } from '../../protocol/frame-splitter.ts'

const responseBytesMax = 2_147_483_647

/** Calls `onFrame` with each as it comes. Throws `CorruptDataError` when the body ends within one. */
export async function framesIn(
  body: AsyncIterable<Uint8Array> | null,
  onFrame: (frame: Uint8Array) => void,
): Promise<void> {
  const splitter = new FrameSplitter(responseBytesMax)
  for await (const chunk of body ?? []) {
    splitter.push(chunk, (frame) => {
      if (frame.length > 0) onFrame(frame)
    })
  }
  if (splitter.pendingBytes > 0) {
    throw new CorruptDataError('The response of the service ends in the middle of a frame', {
      code: 'CORRUPT_MESSAGE',
      retriable: true,
      outcome: 'unknown',
    })
  }
}
