import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.SessionWindowedCogroupedKStream;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindowedCogroupedKStream;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.ValueJoinerWithKey;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** Topologies of the oracle's little language, written down with Kafka Streams' DSL. */
@SuppressWarnings({"unchecked", "rawtypes"})
final class Interpreter {
  private static final KeySerde keys = new KeySerde();
  private static final JsonSerde values = new JsonSerde();

  private final StreamsBuilder builder;
  private final Map<String, Object> made = new HashMap<>();
  /** Of cogroups: what their aggregate says. */
  private final Map<Object, JsonNode> cogroups = new HashMap<>();
  private int stores = 0;

  Interpreter(StreamsBuilder builder) {
    this.builder = builder;
  }

  void build(JsonNode topology) {
    for (JsonNode node : topology) {
      Object result = make(node);
      if (node.has("id") && result != null) made.put(node.get("id").textValue(), result);
    }
  }

  private Object make(JsonNode node) {
    return switch (node.get("op").textValue()) {
      case "stream" -> builder.stream(topic(node), Consumed.with(keys, values));
      case "table" -> table(node);
      case "globalTable" -> builder.globalTable(topic(node), Consumed.with(keys, values));
      case "filter" -> filter(node);
      case "mapValues" -> mapValues(node);
      case "flatMapValues" -> stream(node).flatMapValues((key, value) -> {
        JsonNode list = Expressions.value(node.get("fn"), "key", key, "value", value);
        List<Object> values = new ArrayList<>();
        if (list != null) for (JsonNode one : list) values.add(one.isNull() ? null : one);
        return values;
      });
      case "selectKey" -> stream(node).selectKey(keyBy(node.get("fn")));
      case "map" -> stream(node).map((key, value) -> KeyValue.pair(
          node.has("key") ? Expressions.text(node.get("key"), "key", key, "value", value) : key,
          node.has("value") ? Expressions.value(node.get("value"), "key", key, "value", value) : value));
      case "branch" -> branch(node);
      case "merge" -> merge(node);
      case "groupByKey" -> stream(node).groupByKey(Grouped.with(keys, values));
      case "groupBy" -> groupBy(node);
      case "window" -> window(node);
      case "count", "reduce", "aggregate" -> aggregated(node);
      case "cogroup" -> cogroup(node);
      case "suppress" -> suppress(node);
      case "join" -> join(node);
      case "toTable" -> stream(node).toTable(kept(node));
      case "toStream" -> stream(node);
      case "repartition" -> stream(node).repartition(Repartitioned.with(keys, values));
      case "to" -> {
        stream(node).to(topic(node), Produced.with(keys, values));
        yield null;
      }
      default -> throw new IllegalArgumentException("no op " + node.get("op"));
    };
  }

  // Sources

  private KTable<Object, Object> table(JsonNode node) {
    if (!node.has("store") && !node.has("history")) {
      return builder.table(topic(node), Consumed.with(keys, values));
    }
    return builder.table(topic(node), Consumed.with(keys, values), kept(node));
  }

  private Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> kept(JsonNode node) {
    if (!node.has("history")) return keyValue(node);
    String name = node.has("store") ? node.get("store").textValue() : "versioned-" + stores++;
    var supplier = Stores.persistentVersionedKeyValueStore(name, ms(node.get("history")));
    return Materialized.<Object, Object>as(supplier).withKeySerde(keys).withValueSerde(values);
  }

  // Stateless

  private Object filter(JsonNode node) {
    JsonNode fn = node.get("fn");
    if (from(node) instanceof KTable table) {
      return table.filter((key, value) -> Expressions.test(fn, "key", key, "value", value));
    }
    return stream(node).filter((key, value) -> Expressions.test(fn, "key", key, "value", value));
  }

  private Object mapValues(JsonNode node) {
    JsonNode fn = node.get("fn");
    if (from(node) instanceof KTable table) {
      return ((KTable<Object, Object>) table)
          .mapValues((key, value) -> Expressions.value(fn, "key", key, "value", value));
    }
    return stream(node)
        .mapValues((key, value) -> Expressions.value(fn, "key", key, "value", value));
  }

  private Object branch(JsonNode node) {
    BranchedKStream<Object, Object> split = stream(node).split(Named.as("b" + stores++ + "-"));
    for (JsonNode branch : node.get("branches")) {
      JsonNode when = branch.get("when");
      split =
          split.branch(
              (key, value) -> Expressions.test(when, "key", key, "value", value),
              Branched.withConsumer((taken) -> made.put(branch.get("id").textValue(), taken)));
    }
    if (node.has("otherwise")) {
      String id = node.get("otherwise").textValue();
      split.defaultBranch(Branched.withConsumer((rest) -> made.put(id, rest)));
    } else {
      split.noDefaultBranch();
    }
    return null;
  }

  private Object merge(JsonNode node) {
    KStream<Object, Object> merged = stream(node);
    JsonNode others = node.get("with");
    if (others.isTextual()) return merged.merge(streamOf(get(others.textValue())));
    for (JsonNode other : others) merged = merged.merge(streamOf(get(other.textValue())));
    return merged;
  }

  // Groups and windows

  private Object groupBy(JsonNode node) {
    JsonNode fn = node.get("fn");
    if (from(node) instanceof KTable table) {
      return ((KTable<Object, Object>) table)
          .groupBy(
              (key, value) ->
                  KeyValue.pair(
                      (Object) Expressions.text(fn, "key", key, "value", value),
                      node.has("value")
                          ? Expressions.value(node.get("value"), "key", key, "value", value)
                          : value),
              Grouped.with(keys, values));
    }
    return stream(node).groupBy(keyBy(fn), Grouped.with(keys, values));
  }

  private Object window(JsonNode node) {
    Object group = from(node);
    JsonNode of = node.get("window");
    Duration grace = of.has("grace") ? ms(of.get("grace")) : Duration.ZERO;
    boolean onClose = node.path("emit").asText().equals("close");
    EmitStrategy emit = onClose ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
    Object windowed =
        switch (of.get("type").textValue()) {
          case "tumbling" -> {
            TimeWindows windows = TimeWindows.ofSizeAndGrace(ms(of.get("size")), grace);
            yield group instanceof CogroupedKStream cogroup
                ? cogroup.windowedBy(windows)
                : ((KGroupedStream) group).windowedBy(windows).emitStrategy(emit);
          }
          case "hopping" -> {
            TimeWindows windows =
                TimeWindows.ofSizeAndGrace(ms(of.get("size")), grace)
                    .advanceBy(ms(of.get("advance")));
            yield group instanceof CogroupedKStream cogroup
                ? cogroup.windowedBy(windows)
                : ((KGroupedStream) group).windowedBy(windows).emitStrategy(emit);
          }
          case "sliding" -> {
            SlidingWindows windows =
                SlidingWindows.ofTimeDifferenceAndGrace(ms(of.get("difference")), grace);
            yield group instanceof CogroupedKStream cogroup
                ? cogroup.windowedBy(windows)
                : ((KGroupedStream) group).windowedBy(windows).emitStrategy(emit);
          }
          case "session" -> {
            SessionWindows windows =
                SessionWindows.ofInactivityGapAndGrace(ms(of.get("gap")), grace);
            yield group instanceof CogroupedKStream cogroup
                ? cogroup.windowedBy(windows)
                : ((KGroupedStream) group).windowedBy(windows).emitStrategy(emit);
          }
          default -> throw new IllegalArgumentException("no window " + of);
        };
    if (cogroups.containsKey(group)) cogroups.put(windowed, cogroups.get(group));
    return windowed;
  }

  private Object aggregated(JsonNode node) {
    Object of = from(node);
    String op = node.get("op").textValue();
    JsonNode fn = node.get("fn");
    Aggregator<Object, Object, Object> add = adder(fn);
    Reducer<Object> reducer =
        (aggregate, value) -> Expressions.value(fn, "aggregate", aggregate, "value", value);
    Initializer<Object> initial = initialOf(node, of);
    JsonNode said = cogroups.getOrDefault(of, node);
    JsonNode mergeFn = node.has("merge") ? node.get("merge") : said.get("merge");
    Merger<Object, Object> merger =
        (key, left, right) ->
            Expressions.value(mergeFn, "key", key, "left", left, "right", right);
    if (of instanceof KGroupedTable table) {
      JsonNode subtract = node.get("subtract");
      return switch (op) {
        case "count" -> (((KGroupedTable<Object, Object>) table).count(counts(node)));
        case "reduce" ->
            node.has("initial")
                ? table.aggregate(initial, add, adder(subtract), keyValue(node))
                : table.reduce(
                    reducer,
                    (Reducer<Object>)
                        (aggregate, value) ->
                            Expressions.value(subtract, "aggregate", aggregate, "value", value),
                    keyValue(node));
        default -> table.aggregate(initial, add, adder(subtract), keyValue(node));
      };
    }
    if (of instanceof KGroupedStream group) {
      return switch (op) {
        case "count" -> (((KGroupedStream<Object, Object>) group).count(counts(node)));
        case "reduce" ->
            node.has("initial")
                ? group.aggregate(initial, add, keyValue(node))
                : group.reduce(reducer, keyValue(node));
        default -> group.aggregate(initial, add, keyValue(node));
      };
    }
    if (of instanceof TimeWindowedKStream windows) {
      return switch (op) {
        case "count" ->
            (((TimeWindowedKStream<Object, Object>) windows).count(windowCounts(node)));
        case "reduce" ->
            node.has("initial")
                ? windows.aggregate(initial, add, windowed(node))
                : windows.reduce(reducer, windowed(node));
        default -> windows.aggregate(initial, add, windowed(node));
      };
    }
    if (of instanceof SessionWindowedKStream sessions) {
      return switch (op) {
        case "count" ->
            (((SessionWindowedKStream<Object, Object>) sessions)
                    .count(sessionStore(node, Serdes.Long())));
        case "reduce" ->
            node.has("initial")
                ? sessions.aggregate(initial, add, merger, sessionStore(node, values))
                : sessions.reduce(reducer, sessionStore(node, values));
        default -> sessions.aggregate(initial, add, merger, sessionStore(node, values));
      };
    }
    if (of instanceof TimeWindowedCogroupedKStream windows) {
      return windows.aggregate(initial, windowed(node));
    }
    return ((SessionWindowedCogroupedKStream) of)
        .aggregate(initial, merger, sessionStore(node, values));
  }

  private Object cogroup(JsonNode node) {
    CogroupedKStream cogroup = null;
    for (JsonNode group : node.get("groups")) {
      KGroupedStream of = (KGroupedStream) get(group.get("from").textValue());
      Aggregator add = adder(group.get("fn"));
      cogroup = cogroup == null ? of.cogroup(add) : cogroup.cogroup(of, add);
    }
    cogroups.put(cogroup, node);
    if (!node.has("window")) return cogroup;
    made.put("cogroup of " + node.get("id"), cogroup);
    Object windowed =
        window(((ObjectNode) node.deepCopy())
            .put("from", "cogroup of " + node.get("id")));
    made.put("cogroup of " + node.get("id"), windowed);
    return aggregated(((ObjectNode) node.deepCopy())
        .put("from", "cogroup of " + node.get("id")));
  }

  private Initializer<Object> initialOf(JsonNode node, Object of) {
    JsonNode said = node.has("initial") ? node : cogroups.getOrDefault(of, node);
    JsonNode initial = said.get("initial");
    return () -> initial == null || initial.isNull() ? null : initial;
  }

  private Object suppress(JsonNode node) {
    KTable table = (KTable) from(node);
    if (node.get("until").isTextual()) {
      return table.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()));
    }
    BufferConfig buffer =
        node.has("maxRecords")
            ? BufferConfig.maxRecords(node.get("maxRecords").longValue()).emitEarlyWhenFull()
            : BufferConfig.unbounded();
    return table.suppress(Suppressed.untilTimeLimit(ms(node.get("until")), buffer));
  }

  // Joins

  private Object join(JsonNode node) {
    Object left = from(node);
    Object right = get(node.get("with").textValue());
    String kind = node.path("kind").asText("inner");
    JsonNode valueFn = node.get("value");
    ValueJoinerWithKey<Object, Object, Object, Object> joiner =
        (key, l, r) ->
            valueFn != null
                ? Expressions.value(valueFn, "key", key, "left", l, "right", r)
                : pair(l, r);
    if (left instanceof KTable table) return joinTables(node, table, (KTable) right, kind, joiner);
    KStream<Object, Object> stream = (KStream<Object, Object>) left;
    if (right instanceof GlobalKTable global) {
      JsonNode fn = node.get("fn");
      return kind.equals("left")
          ? stream.leftJoin(global, keyBy(fn), joiner)
          : stream.join(global, keyBy(fn), joiner);
    }
    if (right instanceof KTable table) {
      Joined<Object, Object, Object> joined = Joined.with(keys, values, values);
      if (node.has("grace")) joined = joined.withGracePeriod(ms(node.get("grace")));
      return kind.equals("left")
          ? stream.leftJoin(table, joiner, joined)
          : stream.join(table, joiner, joined);
    }
    JoinWindows windows = joinWindows(node.get("window"));
    StreamJoined<Object, Object, Object> joined = StreamJoined.with(keys, values, values);
    KStream<Object, Object> other = (KStream<Object, Object>) right;
    return switch (kind) {
      case "left" -> stream.leftJoin(other, joiner, windows, joined);
      case "outer" -> stream.outerJoin(other, joiner, windows, joined);
      default -> stream.join(other, joiner, windows, joined);
    };
  }

  private Object joinTables(
      JsonNode node,
      KTable<Object, Object> left,
      KTable<Object, Object> right,
      String kind,
      ValueJoinerWithKey<Object, Object, Object, Object> withKey) {
    if (node.has("foreignKey")) {
      java.util.function.Function<Object, Object> foreignKey =
          (value) -> Expressions.text(node.get("foreignKey"), "value", value);
      return kind.equals("left")
          ? left.leftJoin(right, foreignKey, (l, r) -> withKey.apply(null, l, r))
          : left.join(right, foreignKey, (l, r) -> withKey.apply(null, l, r));
    }
    return switch (kind) {
      case "left" -> left.leftJoin(right, (l, r) -> withKey.apply(null, l, r));
      case "outer" -> left.outerJoin(right, (l, r) -> withKey.apply(null, l, r));
      default -> left.join(right, (l, r) -> withKey.apply(null, l, r));
    };
  }

  private static JoinWindows joinWindows(JsonNode of) {
    Duration grace = of.has("grace") ? ms(of.get("grace")) : Duration.ZERO;
    if (of.has("within")) return JoinWindows.ofTimeDifferenceAndGrace(ms(of.get("within")), grace);
    return JoinWindows.ofTimeDifferenceAndGrace(Duration.ZERO, grace)
        .before(of.has("before") ? ms(of.get("before")) : Duration.ZERO)
        .after(of.has("after") ? ms(of.get("after")) : Duration.ZERO);
  }

  // Parts

  private static Aggregator<Object, Object, Object> adder(JsonNode fn) {
    return (key, value, aggregate) ->
        Expressions.value(fn, "key", key, "value", value, "aggregate", aggregate);
  }

  private static org.apache.kafka.streams.kstream.KeyValueMapper<Object, Object, Object> keyBy(
      JsonNode fn) {
    if (fn == null) return (key, value) -> key;
    return (key, value) -> Expressions.text(fn, "key", key, "value", value);
  }

  private Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> keyValue(JsonNode node) {
    return node.has("store")
        ? Materialized.<Object, Object, KeyValueStore<Bytes, byte[]>>as(
                node.get("store").textValue())
            .withKeySerde(keys)
            .withValueSerde(values)
        : Materialized.with(keys, values);
  }

  private static Materialized<Object, Long, KeyValueStore<Bytes, byte[]>> counts(JsonNode node) {
    return Materialized.with(keys, Serdes.Long());
  }

  /** So that no closing result is lost. */
  private static Duration retention(JsonNode node) {
    return node.has("retention") ? ms(node.get("retention")) : Duration.ofMinutes(10);
  }

  private static Materialized<Object, Long, WindowStore<Bytes, byte[]>> windowCounts(
      JsonNode node) {
    return Materialized.<Object, Long, WindowStore<Bytes, byte[]>>with(keys, Serdes.Long())
        .withRetention(retention(node));
  }

  private static Materialized<Object, Object, WindowStore<Bytes, byte[]>> windowed(
      JsonNode node) {
    return Materialized.<Object, Object, WindowStore<Bytes, byte[]>>with(keys, values)
        .withRetention(retention(node));
  }

  private static <V> Materialized<Object, V, SessionStore<Bytes, byte[]>> sessionStore(
      JsonNode node, org.apache.kafka.common.serialization.Serde<V> values) {
    Materialized<Object, V, SessionStore<Bytes, byte[]>> store = Materialized.with(keys, values);
    return node.has("retention") ? store.withRetention(ms(node.get("retention"))) : store;
  }

  private static ObjectNode pair(Object left, Object right) {
    ObjectNode made = RunCases.json.createObjectNode();
    made.set("left", Expressions.toJson(left));
    made.set("right", Expressions.toJson(right));
    return made;
  }

  private static Duration ms(JsonNode node) {
    return Duration.ofMillis(node.longValue());
  }

  private static String topic(JsonNode node) {
    return node.get("topic").textValue();
  }

  private Object get(String id) {
    Object found = made.get(id);
    if (found == null) throw new IllegalArgumentException("no node is called " + id);
    return found;
  }

  private Object from(JsonNode node) {
    Object found = get(node.get("from").textValue());
    boolean isAsked = node.get("op").textValue().equals("window");
    if (!isAsked && found instanceof CogroupedKStream cogroup) {
      JsonNode said = cogroups.get(cogroup);
      Object table = cogroup.aggregate(initialOf(said, cogroup), keyValue(said));
      made.put(node.get("from").textValue(), table);
      return table;
    }
    return found;
  }

  private KStream<Object, Object> stream(JsonNode node) {
    return streamOf(from(node));
  }

  private static KStream<Object, Object> streamOf(Object of) {
    return of instanceof KTable table ? table.toStream() : (KStream<Object, Object>) of;
  }
}
