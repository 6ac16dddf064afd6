/** Memory for one answer, where a listener bounds what all answers hold. */
export interface AnswerMemory {
  /**
   * Resolves with how many bytes may be read, of `bytes` that are wanted; not fewer than `leastBytes`, which may take a wait
   * for others. 0: there is none now, or nobody wants the answer any more.
   */
  claim(bytes: number, leastBytes: number): Promise<number> | number
  /** What is held in fact, bytes; 0 before a wait for something else. */
  settle(bytes: number): void
}
