// Writes the bytes that Apache Kafka's own message classes make of messages filled by the rule in
// core/wire/fill.h. Run by scripts/vectors: Vectors OUT_DIR, with lines "NAME LOWEST HIGHEST" on standard input.

import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.protocol.types.*;
import org.apache.kafka.common.record.MemoryRecords;

public class Vectors {
  private final int version;
  private final boolean nulls;

  private Vectors(int version, boolean nulls) {
    this.version = version;
    this.nulls = nulls;
  }

  public static void main(String[] args) throws Exception {
    Scanner in = new Scanner(System.in);
    while (in.hasNext()) {
      String name = in.next();
      int lowest = in.nextInt();
      int highest = in.nextInt();
      Class<?> type = find(name);
      if (type == null) {
        System.err.println("no class for " + name);
        System.exit(1);
      }
      StringBuilder out = new StringBuilder();
      for (int v = lowest; v <= highest; ++v) {
        out.append(v).append(" default ").append(bytes(instance(type), v)).append('\n');
        for (boolean nulls : new boolean[] {false, true}) {
          Object message = instance(type);
          Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
          new Vectors(v, nulls).structure(schemas[v], message, name);
          out.append(v).append(nulls ? " nulls " : " filled ").append(bytes(message, v)).append('\n');
        }
      }
      Files.writeString(Path.of(args[0], name + ".hex"), out.toString());
    }
  }

  private static Class<?> find(String name) {
    String[] places = {"org.apache.kafka.common.message." + name + "Data",
        "org.apache.kafka.common.message." + name, "org.apache.kafka.common.metadata." + name, "org.apache.kafka.coordinator.group.generated." + name,
        "org.apache.kafka.coordinator.transaction.generated." + name};
    for (String place : places) {
      try {
        return Class.forName(place);
      } catch (ClassNotFoundException e) {
        continue;
      }
    }
    return null;
  }

  private static Object instance(Class<?> type) throws Exception {
    return type.getConstructor().newInstance();
  }

  private static String bytes(Object object, int version) {
    Message message = (Message) object;
    ObjectSerializationCache cache = new ObjectSerializationCache();
    ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, (short) version));
    message.write(new ByteBufferAccessor(buffer), cache, (short) version);
    if (buffer.hasRemaining())
      throw new IllegalStateException(message.getClass() + ": size and bytes differ");
    return buffer.array().length == 0 ? "-" : HexFormat.of().formatHex(buffer.array());
  }

  private static long finalise(long z) {
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  private long bits(String path) {
    long h = 0xcbf29ce484222325L;
    for (byte b : (path + "@" + version).getBytes(StandardCharsets.UTF_8))
      h = (h ^ (b & 0xff)) * 0x100000001b3L;
    return finalise(h);
  }

  private void structure(Schema schema, Object object, String path) throws Exception {
    for (BoundField field : schema.fields()) {
      if (field.def.type instanceof TaggedFields) {
        for (Field tagged : ((TaggedFields) field.def.type).fields().values())
          member(tagged.name, tagged.type, object, path);
      } else {
        member(field.def.name, field.def.type, object, path);
      }
    }
  }

  private void member(String name, Type type, Object object, String structurePath) throws Exception {
    String path = structurePath + "." + name;
    Method setter = method(object.getClass(), "set" + name, 1);
    // Kafka's schemas call every field of type records nullable, which this one is not, and no structure, of
    // which those are that are null to begin with.
    boolean nullable = schemaOf(type) != null
        ? method(object.getClass(), name, 0).invoke(object) == null
        : type.isNullable() && !name.equals("unaligned_records");
    if (nulls && nullable) {
      setter.invoke(object, (Object) null);
      return;
    }
    if (type.arrayElementType().isPresent()) {
      int count = 1 + (int) Long.remainderUnsigned(bits(path), 2);
      setter.invoke(object, array(setter, type.arrayElementType().get(), path, count));
    } else if (schemaOf(type) != null) {
      Object nested = instance(setter.getParameterTypes()[0]);
      structure(schemaOf(type), nested, path);
      setter.invoke(object, nested);
    } else {
      setter.invoke(object, value(type, setter.getParameterTypes()[0], bits(path)));
    }
  }

  private static Schema schemaOf(Type type) {
    return type instanceof Schema ? (Schema) type : null;
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private Object array(Method setter, Type element, String path, int count) throws Exception {
    Class<?> parameter = setter.getParameterTypes()[0];
    Collection items = parameter == List.class ? new ArrayList() : (Collection) instance(parameter);
    java.lang.reflect.Type generic = parameter == List.class
        ? ((ParameterizedType) setter.getGenericParameterTypes()[0]).getActualTypeArguments()[0]
        : ((ParameterizedType) parameter.getGenericSuperclass()).getActualTypeArguments()[0];
    for (int i = 0; i < count; ++i) {
      String elementPath = path + "[" + i + "]";
      if (schemaOf(element) != null) {
        Object nested = instance((Class<?>) generic);
        structure(schemaOf(element), nested, elementPath);
        items.add(nested);
      } else {
        items.add(value(element, (Class<?>) generic, bits(elementPath)));
      }
    }
    return items;
  }

  private static Method method(Class<?> type, String snake, int parameters) {
    String name = snake.replace("_", "");
    for (Method method : type.getMethods())
      if (method.getName().equalsIgnoreCase(name) && method.getParameterCount() == parameters) return method;
    throw new IllegalStateException(type + " has no " + name);
  }

  private static byte[] content(long h, boolean text) {
    int size = (h >>> 16) % 16 == 0 ? 150 : (int) Long.remainderUnsigned(h, 11);
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; ++i) {
      int b = (int) (h >>> (8 * (i % 8))) & 0xff;
      bytes[i] = (byte) (text ? 'a' + b % 26 : b ^ i);
    }
    return bytes;
  }

  private static Object value(Type type, Class<?> java, long h) {
    String name = ((Type.DocumentedType) type).typeName();
    switch (name) {
      case "BOOLEAN": return (h & 1) == 1;
      case "INT8": return (byte) h;
      case "INT16": return (short) h;
      case "INT32": return (int) h;
      case "INT64": return h;
      case "UINT16": return (int) (h & 0xffff);
      case "UINT32": return h & 0xffffffffL;
      case "FLOAT64": return (double) (int) h / 8;
      case "UUID": return new Uuid(h, finalise(h + 1));
      default: break;
    }
    if (name.endsWith("STRING")) return new String(content(h, true), StandardCharsets.US_ASCII);
    if (name.endsWith("RECORDS")) return MemoryRecords.readableRecords(ByteBuffer.wrap(content(h, false)));
    if (!name.endsWith("BYTES")) throw new IllegalStateException("type " + name);
    return java == byte[].class ? content(h, false) : ByteBuffer.wrap(content(h, false));
  }
}
