using System.Buffers.Binary;
using System.Security.Cryptography;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>A Bind too long to be held: its values are walked while they pass, so that it is consumed exactly all the same, and hashed for the record.</summary>
/// <param name="bytes">From the first value's length to the message's end.</param>
internal sealed class PgLongBind(long op, int parameters, long bytes)
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] number = new byte[4];
    private int numberLength;
    private int valuesLeft = parameters;
    private long inValue;
    private int formatsLeft = -1; // not read yet
    private long left = bytes;
    private long hashed;

    /// <summary>For the record, once all of it has passed.</summary>
    public string Note()
    {
        using (hash)
        {
            return $"operation {op}: {hashed} bytes of parameters, sha-256 {Convert.ToHexStringLower(hash.GetHashAndReset())}";
        }
    }

    /// <returns>False when the message does not add up.</returns>
    public bool Read(ReadOnlySpan<byte> data)
    {
        left -= data.Length;
        while (!data.IsEmpty)
        {
            if (inValue > 0)
            {
                var part = (int)Math.Min(inValue, data.Length);
                Hash(data[..part]);
                inValue -= part;
                data = data[part..];
            }
            else if (valuesLeft > 0)
            {
                if (!ReadValueLength(ref data))
                {
                    return false;
                }
            }
            else if (!ReadFormats(ref data))
            {
                return false;
            }
        }
        return left > 0 || (left == 0 && inValue == 0 && valuesLeft == 0 && formatsLeft == 0);
    }

    private bool ReadValueLength(ref ReadOnlySpan<byte> data)
    {
        if (!ReadNumber(ref data, 4))
        {
            return true;
        }
        var length = BinaryPrimitives.ReadInt32BigEndian(number);
        Hash(number);
        valuesLeft--;
        inValue = Math.Max(length, 0);
        return length >= -1;
    }

    private bool ReadFormats(ref ReadOnlySpan<byte> data)
    {
        if (formatsLeft < 0)
        {
            if (ReadNumber(ref data, 2))
            {
                formatsLeft = BinaryPrimitives.ReadUInt16BigEndian(number) * 2;
            }
            return true;
        }
        var part = Math.Min(formatsLeft, data.Length);
        formatsLeft -= part;
        data = data[part..];
        return data.IsEmpty; // nothing may follow
    }

    private bool ReadNumber(ref ReadOnlySpan<byte> data, int size)
    {
        while (numberLength < size && !data.IsEmpty)
        {
            number[numberLength++] = data[0];
            data = data[1..];
        }
        if (numberLength < size)
        {
            return false;
        }
        numberLength = 0;
        return true;
    }

    private void Hash(ReadOnlySpan<byte> data)
    {
        hash.AppendData(data);
        hashed += data.Length;
    }
}
