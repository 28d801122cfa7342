import com.thoughtworks.xstream.converters.Converter;
import com.thoughtworks.xstream.converters.MarshallingContext;
import com.thoughtworks.xstream.converters.UnmarshallingContext;
import com.thoughtworks.xstream.io.HierarchicalStreamReader;
import com.thoughtworks.xstream.io.HierarchicalStreamWriter;
import com.thoughtworks.xstream.mapper.Mapper;
import com.thoughtworks.xstream.mapper.SecurityMapper;
import com.thoughtworks.xstream.security.WildcardTypePermission;

/**
 * Lets JMeter 2.13 read its own plans with XStream 1.4.18 or newer, as Debian pairs them: XStream then refuses every
 * class that it wasn't told of, and that JMeter tells it of none. JMeter makes one of these for each of its XStreams,
 * because `run` lists it in saveservice.properties as a converter; it converts nothing.
 */
public final class AllowPlans implements Converter {
  public AllowPlans(Mapper mapper) {
    SecurityMapper security = (SecurityMapper) mapper.lookupMapperOfType(SecurityMapper.class);
    security.addPermission(new WildcardTypePermission(new String[] {"org.apache.jmeter.**", "org.apache.jorphan.**"}));
  }

  @Override
  public boolean canConvert(Class type) {
    return false;
  }

  @Override
  public void marshal(Object source, HierarchicalStreamWriter writer, MarshallingContext context) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Object unmarshal(HierarchicalStreamReader reader, UnmarshallingContext context) {
    throw new UnsupportedOperationException();
  }
}
