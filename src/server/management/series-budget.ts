/**
 * How many series topics and groups may have. Topics take at most half of it and groups the rest; what does not fit is
 * summed. Who asks first, by name, gets it: so the same ones are told from one scrape to the next, also after a restart.
 */
export class SeriesBudget {
  readonly max: number
  #left: number
  #leftForTopics: number

  constructor(max: number) {
    this.max = max
    this.#left = max
    this.#leftForTopics = Math.floor(max / 2)
  }

  /** Whether so many series of a topic still fit. */
  takeForTopic(series: number): boolean {
    if (series > this.#leftForTopics) return false
    this.#leftForTopics -= series
    this.#left -= series
    return true
  }

  /** Whether so many series of a group still fit; call when all topics have asked. */
  takeForGroup(series: number): boolean {
    if (series > this.#left) return false
    this.#left -= series
    return true
  }
}
