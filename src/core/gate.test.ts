import { expect, test } from 'vitest'
import { Gate } from './gate.ts'

test('so many have a turn; the others come in order, and who has given up is passed by', async () => {
  const turns = new Gate(2)
  expect([turns.tryTake(), turns.tryTake(), turns.tryTake()]).toEqual([true, true, false])
  const [first, second, third] = [turns.take(), turns.take(), turns.take()]
  const order: string[] = []
  void first.turn.then((isMine) => order.push(`first ${isMine}`))
  void second.turn.then((isMine) => order.push(`second ${isMine}`))
  void third.turn.then((isMine) => order.push(`third ${isMine}`))
  second.giveUp()
  turns.release()
  turns.release()
  await third.turn
  expect(order.sort()).toEqual(['first true', 'second false', 'third true'])
  turns.release()
  turns.release()
  expect([turns.tryTake(), turns.tryTake(), turns.tryTake()]).toEqual([true, true, false])
})
