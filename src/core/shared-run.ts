/** Work of which one is under way and one may follow: everyone who asks meanwhile shares the next, which begins after that. */
export class SharedRun {
  #current: Promise<void> | undefined
  #following: Promise<void> | undefined

  /** `onIdle` is called when none is under way any more. */
  next(work: () => Promise<void>, onIdle: () => void = () => undefined): Promise<void> {
    const begin = () => {
      this.#following = undefined
      const current = work().finally(() => {
        if (this.#following) return
        this.#current = undefined
        onIdle()
      })
      this.#current = current
      return current
    }
    if (!this.#current) return begin()
    this.#following ??= this.#current.then(begin, begin)
    return this.#following
  }
}
