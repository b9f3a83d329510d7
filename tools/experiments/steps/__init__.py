"""Steps of supernets and children: what they compute, keep in memory and take."""
